/** The pages of a chart, in the order of their tabs. */
import type { ComponentType } from "react";
import { ActivityPage } from "../activity/ActivityPage";
import { OrdersPage } from "../orders/OrdersPage";
import { ResultsRoute } from "../results/ResultsRoute";
import { ChartReview } from "../review/ChartReview";
import type { OpenRoom } from "../shared/rooms";

export interface ChartTab {
  /** As in the address, and as others are told where this window looks. */
  readonly value: string;
  readonly label: string;
  readonly Page: ComponentType<{ open: OpenRoom; patientId: string }>;
}

export const TABS: readonly ChartTab[] = [
  { value: "chart", label: "Chart review", Page: ChartReview },
  { value: "orders", label: "Orders", Page: OrdersPage },
  { value: "results", label: "Results", Page: ResultsRoute },
  { value: "activity", label: "Activity", Page: ActivityPage },
];
