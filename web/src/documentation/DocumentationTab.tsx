/** The documentation of one chart: the tree of notes, the note that is read or written, what came too late. */
import { Button, Group, Menu, Paper, Text } from "@mantine/core";
import { IconFileUpload, IconPlus } from "@tabler/icons-react";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { chartPath, useChartAddress } from "../chart/address";
import { RefusalNote } from "../shared/panel/RefusalNote";
import { type DialogState, ResourceDialog } from "../shared/panel/ResourceDialog";
import { RemovedConflicts } from "../shared/panel/ResourcePanel";
import { useAttempt } from "../shared/panel/usePanelEdits";
import { tellFailure } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useCollection, useRefusals } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { type NoteValues, noteForm } from "./details";
import classes from "./Documentation.module.css";
import { NOTE_KINDS } from "./kinds";
import { LateTexts } from "./LateTexts";
import { noteOf } from "./note";
import { NotePane } from "./NotePane";
import { NoteTree } from "./NoteTree";
import { isOfNote, PANELS } from "./panels";
import { UploadDialog } from "./UploadDialog";

export function DocumentationTab({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const { canEdit } = useWorkspace();
  const documents = useCollection(open.room, "DocumentReference");
  const compositions = useCollection(open.room, "Composition");
  const encounters = useCollection(open.room, "Encounter");
  // Typing goes before the drawing of what arrives.
  const notes = useDeferredValue(useMemo(() => [...documents, ...compositions].map(noteOf), [documents, compositions]));
  const [chosen, choose] = useChosen(patientId);
  const resource = [...documents, ...compositions].find(({ resourceType: type, id }) => `${type}/${id}` === chosen);
  const [dialog, setDialog] = useState<DialogState<NoteValues>>();
  const [begun, setBegun] = useState<string>();
  const [isUploading, setIsUploading] = useState(false);
  const attempt = useAttempt(open, PANELS.tab);
  const form = useMemo(() => {
    const onBegun = (key: string) => {
      choose(key);
      setBegun(key);
    };
    return noteForm(encounters, onBegun);
  }, [encounters, choose]);

  const close = (saved: boolean) => {
    if (saved && dialog?.refusal !== undefined) open.edits.dismiss(dialog.refusal);
    setDialog(undefined);
  };
  const begin = (kind: string) => setDialog({ id: undefined, values: { ...form.blank(), kind } });
  return (
    <div className={classes["tab"]}>
      <Paper component="section" withBorder radius="md" className={classes["side"]} aria-label="Notes and documents">
        {canEdit && (
          <Group gap="xs" wrap="nowrap" className={classes["making"]}>
            <Menu position="bottom-start" withinPortal={false} withInitialFocusPlaceholder={false} transitionProps={{ duration: 0 }}>
              <Menu.Target>
                <Button size="compact-sm" variant="light" leftSection={<IconPlus size={16} aria-hidden />}>
                  New note
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {NOTE_KINDS.map(({ code, label }) => (
                  <Menu.Item key={code} onClick={() => begin(code)}>
                    {label}
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
            <Button size="compact-sm" variant="default" leftSection={<IconFileUpload size={16} aria-hidden />} onClick={() => setIsUploading(true)}>
              Upload
            </Button>
          </Group>
        )}
        <NoteTree open={open} notes={notes} encounters={encounters} chosen={chosen} onChoose={choose} />
      </Paper>
      <div className={classes["main"]}>
        <LateTexts open={open} patientId={patientId} onChoose={choose} />
        <Refusals open={open} attempt={attempt} chosen={chosen} onChoose={choose} onDraft={(draft, refusal) => setDialog({ id: undefined, values: form.blank(), draft, refusal })} />
        <RemovedConflicts definition={form} open={open} />
        {resource && <NotePane key={chosen} open={open} patientId={patientId} note={noteOf(resource)} notes={notes} form={form} isBegun={chosen === begun} onChoose={choose} />}
        {!resource && <NoNote open={open} chosen={chosen} attempt={attempt} />}
      </div>
      {dialog && <ResourceDialog key={dialog.refusal} definition={form} open={open} patientId={patientId} state={dialog} attempt={attempt} onClose={close} />}
      {isUploading && <UploadDialog open={open} patientId={patientId} encounters={encounters} onFiled={choose} onClose={() => setIsUploading(false)} />}
    </div>
  );
}

/** Nothing is chosen, or what was chosen is removed: its text is still kept. */
function NoNote({ open, chosen, attempt }: { open: OpenRoom; chosen: string | undefined; attempt: ReturnType<typeof useAttempt> }) {
  const { canEdit } = useWorkspace();
  const [type = "", id = ""] = (chosen ?? "").split("/");
  const restore = () => {
    const run = () => open.room.restore(type, id);
    const failed = attempt(run, { what: "Putting the note back", again: run });
    if (failed) tellFailure("The note was not put back", failed);
  };
  return (
    <Paper withBorder radius="md" className={classes["none"]}>
      <Text c="dimmed" size="sm">{chosen ? "This note is not in the chart. Somebody may have removed it." : "The note that you choose stands here."}</Text>
      {chosen && canEdit && (
        <Button size="compact-sm" variant="default" mt="sm" onClick={restore}>
          Put it back
        </Button>
      )}
    </Paper>
  );
}

/** The note that this window shows, by its key in the address, so that it is there after a reload. */
function useChosen(patientId: string): [string | undefined, (key: string) => void] {
  const { at, entry } = useChartAddress();
  const [, navigate] = useLocation();
  const choose = useCallback((key: string) => navigate(chartPath(patientId, "notes", { at, entry: key })), [navigate, patientId, at]);
  return [entry, choose];
}

/** What the server did not accept, with the way to make it again. */
function Refusals(props: {
  open: OpenRoom;
  attempt: ReturnType<typeof useAttempt>;
  chosen: string | undefined;
  onChoose: (key: string) => void;
  onDraft: (draft: NoteValues, refusal: number) => void;
}) {
  const { open, attempt, chosen, onChoose, onDraft } = props;
  // Those of the note that is shown, it shows itself.
  const isShown = (type: string, id: string) => resourceKey(type, id) === chosen && open.room.get(type, id) !== undefined;
  const refusals = useRefusals(open).filter(({ type, id, panel }) => panel === PANELS.tab || (isOfNote(panel) && !isShown(type, id)));
  const again = (refusal: (typeof refusals)[number]) => {
    if (isOfNote(refusal.panel)) return onChoose(resourceKey(refusal.type, refusal.id));
    if (refusal.draft !== undefined) return onDraft(refusal.draft as NoteValues, refusal.key);
    open.edits.dismiss(refusal.key);
    attempt(refusal.again, refusal);
  };
  return refusals.map((refusal) => <RefusalNote key={refusal.key} refusal={refusal} onDiscard={() => open.edits.dismiss(refusal.key)} onAgain={() => again(refusal)} />);
}
