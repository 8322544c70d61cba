/** Where a refused edit of this tab came from, which says what makes it again. */
export const PANELS = { tab: "Documentation", details: "Note details", amendment: "Amendments" };

/** Whether its form is opened on the note itself. */
export function isOfNote(panel: string | undefined): boolean {
  return panel === PANELS.details || panel === PANELS.amendment;
}
