/** One note: what it is and how it stands, what can be done, its text, its addenda and earlier versions. */
import { ActionIcon, Badge, Button, Group, Paper, Text, Title } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { ConflictNote } from "../conflicts/ConflictNote";
import { People } from "../presence/People";
import { quietly, useEditors } from "../presence/usePeople";
import type { PanelDefinition } from "../shared/panel/definition";
import { type DialogState, ResourceDialog } from "../shared/panel/ResourceDialog";
import { useAttempt, useRemoval } from "../shared/panel/usePanelEdits";
import { RefusalNote } from "../shared/panel/RefusalNote";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts, useRefusals, useUnsaved } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { type AmendValues, amendForm } from "./amend";
import { contentOf } from "./content";
import type { NoteValues } from "./details";
import classes from "./Documentation.module.css";
import { amendedFor, hereText, type Note, stateText, whenText } from "./note";
import { NoteBody } from "./NoteBody";
import { NoteVersions } from "./NoteVersions";
import { isOfNote, PANELS } from "./panels";
import { SignBar } from "./SignBar";
import { TextDispute } from "./TextDispute";
import { Unsigned } from "./Unsigned";
import { useAddendum } from "./useAddendum";
import { useNoteText, useWords } from "./useNoteText";

interface Props {
  open: OpenRoom;
  patientId: string;
  note: Note;
  notes: readonly Note[];
  form: PanelDefinition<NoteValues>;
  /** Whether this window has just begun it. */
  isBegun: boolean;
  onChoose: (key: string) => void;
}

export function NotePane(props: Props) {
  const { open, patientId, note, notes, isBegun, onChoose } = props;
  const { canEdit } = useWorkspace();
  const { resourceType: type, id } = note.resource;
  const isShared = contentOf(note.resource).kind === "shared";
  const text = useNoteText(open.room, isShared ? type : undefined, id);
  const conflicts = useConflicts(open).get(note.key) ?? [];
  const attempt = useAttempt(open, PANELS.tab);
  const addenda = useMemo(() => notes.filter(({ appends }) => appends === note.key), [notes, note.key]);
  useHere(open, note.key);

  return (
    <Paper component="article" withBorder radius="md" className={classes["note"]} aria-label={note.title}>
      <Head {...props} />
      {conflicts.map((conflict) =>
        conflict.kind === "text" ? (
          <TextDispute key={conflict.kind} conflict={conflict} title={note.title} open={open} attempt={attempt} />
        ) : (
          <div key={`${conflict.kind} ${conflict.elements.join(" ")}`} className={classes["part"]}>
            <ConflictNote conflict={conflict} label={note.title} open={open} />
          </div>
        ),
      )}
      {note.state === "draft" && canEdit && isShared && text && <SignBar open={open} note={note} text={text} conflicts={conflicts} />}
      {(note.state === "signed" || note.state === "amended") && <Signed {...props} text={text} />}
      {note.state === "filed" && canEdit && (
        <Group justify="flex-end" className={classes["signing"]}>
          <AddAddendum {...props} />
        </Group>
      )}
      <NoteBody open={open} note={note} text={text} isBegun={isBegun} />
      {note.state === "signed" && !isShared && <Unsigned {...props} />}
      {addenda.map((addendum) => (
        <Addendum key={addendum.key} addendum={addendum} onChoose={onChoose} />
      ))}
      {note.state === "amended" && <NoteVersions room={open.room} note={note} />}
      <Again {...props} text={text} patientId={patientId} />
    </Paper>
  );
}

function Head({ open, patientId, note, form }: Props) {
  const { canEdit } = useWorkspace();
  const others = useEditors(open.room, note.key);
  const [dialog, setDialog] = useState<DialogState<NoteValues>>();
  const attempt = useAttempt(open, PANELS.details);
  const onRemove = useRemoval(form, open, attempt);
  // A Composition is another system's.
  const isDraft = note.state === "draft" && canEdit && note.resource.resourceType === form.type;
  return (
    <header className={classes["head"]}>
      <div className={classes["naming"]}>
        <Group gap="xs">
          <Title order={2} size="h4">
            {note.title}
          </Title>
          <Badge variant="light" tt="none" color={note.state === "draft" ? "orange" : "gray"} className={classes["state"]} data-state={note.state}>
            {stateText(note)}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed">
          {[note.kind !== note.title && note.kind, note.author && `by ${note.author}`, whenText(note.date)].filter(Boolean).join(" · ")}
        </Text>
      </div>
      <div className={classes["here"]}>
        <People people={others} label="Also in this note" size={26} tell={(person) => hereText([person])} />
      </div>
      {isDraft && (
        <Group gap={4} wrap="nowrap">
          <ActionIcon variant="subtle" color="gray" aria-label={`Edit ${note.title}`} onClick={() => setDialog({ id: note.resource.id, values: form.read(note.resource) })}>
            <IconPencil size={17} aria-hidden />
          </ActionIcon>
          <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${note.title}`} onClick={() => onRemove(note.resource)}>
            <IconTrash size={17} aria-hidden />
          </ActionIcon>
        </Group>
      )}
      {dialog && <ResourceDialog definition={form} open={open} patientId={patientId} state={dialog} attempt={attempt} onClose={() => setDialog(undefined)} />}
    </header>
  );
}

/** Who signed, and what can still be done. */
function Signed(props: Props & { text: ReturnType<typeof useNoteText> }) {
  const { open, patientId, note, form, text } = props;
  const { canEdit, person } = useWorkspace();
  const words = useWords(text);
  const isWaiting = useUnsaved(open.room) > 0 && note.signedBy === person.name;
  const [isAmending, setIsAmending] = useState(false);
  const attempt = useAttempt(open, PANELS.amendment);
  const amend = amendForm(form, note.resource, words, person);
  const reason = amendedFor(note.resource);
  const canAmend = canEdit && note.resource.resourceType === "DocumentReference" && ["text", "shared"].includes(contentOf(note.resource).kind);
  return (
    <Group gap="sm" className={classes["signing"]}>
      <Text size="sm" className={classes["hint"]}>
        {note.state === "amended" ? "Amended" : "Signed"} by {note.signedBy || "somebody"}
        {note.signedAt && ` · ${whenText(note.signedAt)}`}
        {isWaiting && <span className={classes["waiting"]}> · not saved at the server yet</span>}
        {note.state === "amended" && reason && <span className={classes["reason"]}>Reason: {reason}</span>}
      </Text>
      {canAmend && (
        <Button size="compact-sm" variant="default" onClick={() => setIsAmending(true)}>
          Amend
        </Button>
      )}
      {canEdit && <AddAddendum {...props} />}
      {isAmending && <ResourceDialog definition={amend} open={open} patientId={patientId} state={{ id: note.resource.id, values: amend.read(note.resource) }} attempt={attempt} onClose={() => setIsAmending(false)} />}
    </Group>
  );
}

function AddAddendum({ note, ...place }: Props) {
  const addTo = useAddendum(place);
  return (
    <Button size="compact-sm" variant="default" className={classes["append"]} onClick={() => addTo(note)}>
      Add addendum
    </Button>
  );
}

/** An addendum beneath its note: its text once it is signed. */
function Addendum({ addendum, onChoose }: { addendum: Note; onChoose: (key: string) => void }) {
  const content = contentOf(addendum.resource);
  const who = addendum.state === "draft" ? `by ${addendum.author}` : `signed by ${addendum.signedBy} · ${whenText(addendum.signedAt)}`;
  return (
    <section className={classes["addendum"]} aria-label={addendum.title}>
      <Group gap="xs" justify="space-between">
        <Text size="sm" fw={600}>
          {addendum.state === "draft" ? "Proposed addendum" : "Addendum"} <span className={classes["quiet"]}>{who}</span>
        </Text>
        <Button size="compact-xs" variant="subtle" aria-label={`Open ${addendum.title}`} onClick={() => onChoose(addendum.key)}>
          Open
        </Button>
      </Group>
      {content.kind === "text" && <pre className={classes["words"]}>{content.text}</pre>}
    </section>
  );
}

/** Forms that were refused, to be opened again with what was in them. */
function Again({ open, patientId, note, form, text }: Props & { text: ReturnType<typeof useNoteText> }) {
  const { person } = useWorkspace();
  const refusals = useRefusals(open).filter(({ id, panel }) => id === note.resource.id && isOfNote(panel));
  const [again, setAgain] = useState<(typeof refusals)[number]>();
  const attempt = useAttempt(open, again?.panel ?? PANELS.details);
  const definition = (again?.panel === PANELS.amendment ? amendForm(form, note.resource, text?.toString() ?? "", person) : form) as PanelDefinition<AmendValues | NoteValues>;
  return (
    <>
      {refusals.map((refusal) => (
        <RefusalNote key={refusal.key} refusal={refusal} onAgain={() => setAgain(refusal)} onDiscard={() => open.edits.dismiss(refusal.key)} />
      ))}
      {again && (
        <ResourceDialog
          definition={definition}
          open={open}
          patientId={patientId}
          state={{ id: note.resource.id, values: definition.read(note.resource), draft: again.draft as NoteValues }}
          attempt={attempt}
          onClose={(saved) => {
            if (saved) open.edits.dismiss(again.key);
            setAgain(undefined);
          }}
        />
      )}
    </>
  );
}

/** Says that this window shows the note. */
function useHere({ room }: OpenRoom, key: string): void {
  useEffect(() => {
    room.presence.update({ resource: key });
    return quietly(() => room.presence.update({ resource: undefined, element: undefined }));
  }, [room, key]);
}
