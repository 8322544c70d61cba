/** The pages of a chart, in the order of their tabs. */
import type { ComponentType } from "react";
import { ChartReview } from "../review/ChartReview";
import { lazily } from "../shared/lazily";
import type { OpenRoom } from "../shared/rooms";

interface PageProps {
  open: OpenRoom;
  patientId: string;
}

export interface ChartTab {
  /** As in the address, and as others are told where this window looks. */
  readonly value: string;
  readonly label: string;
  readonly Page: ComponentType<PageProps>;
}

export const TABS: readonly ChartTab[] = [
  { value: "chart", label: "Chart review", Page: ChartReview },
  { value: "orders", label: "Orders", Page: lazily("the orders", () => import("../orders/OrdersPage").then(({ OrdersPage }) => OrdersPage)) },
  { value: "results", label: "Results", Page: lazily("the results", () => import("../results/ResultsTab").then(({ ResultsTab }) => ResultsTab)) },
  { value: "imaging", label: "Imaging", Page: lazily("the imaging", () => import("../imaging/ImagingTab").then(({ ImagingTab }) => ImagingTab)) },
  { value: "notes", label: "Documentation", Page: lazily("the documentation", () => import("../documentation/DocumentationTab").then(({ DocumentationTab }) => DocumentationTab)) },
  { value: "timeline", label: "Timeline", Page: lazily("the timeline", () => import("../timeline/TimelineTab").then(({ TimelineTab }) => TimelineTab)) },
  { value: "activity", label: "Activity", Page: lazily("the activity", () => import("../activity/ActivityPage").then(({ ActivityPage }) => ActivityPage)) },
  { value: "summary", label: "Summary", Page: lazily("the summary", () => import("../summary/SummaryPage").then(({ SummaryPage }) => SummaryPage)) },
];
