/** What the gallery and the list of studies are given alike. */
import type { Resource } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import type { Study } from "./study";
import type { StudyActs } from "./StudyDetail";

export const PAGE = 12;

/** One list for all that have none, so that their cards are not drawn again. */
export const NO_REPORTS: readonly Resource[] = [];

interface Around {
  endpoints: ReadonlyMap<string, Resource>;
  open: OpenRoom;
  /** Absent for those who only read. */
  acts: StudyActs | undefined;
}

export interface StudiesProps extends Around {
  studies: readonly Study[];
  /** By the id of their study. */
  reports: ReadonlyMap<string, readonly Resource[]>;
}

export interface StudyProps extends Around {
  study: Study;
  reports: readonly Resource[];
}
