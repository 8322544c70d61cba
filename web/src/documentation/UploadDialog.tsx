/** The filing of a document: a file, chosen or dropped, with what it is. */
import { Button, FileInput, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconFileUpload } from "@tabler/icons-react";
import { type DragEvent, useState } from "react";
import type { Json, Resource } from "../shared/chartroom";
import { useAttempt } from "../shared/panel/usePanelEdits";
import { offerUndo } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useWorkspace } from "../shared/workspace";
import { currentEncounter, EncounterSelect } from "./details";
import classes from "./Documentation.module.css";
import { DOCUMENT_KINDS, kindOf } from "./kinds";
import { PANELS } from "./panels";
import { ACCEPTED, ACCEPTED_TEXT, fileProblem, readFile } from "./upload";
import { contextOf, documentFrame, typeOf } from "./write";

interface UploadValues {
  file: File | null;
  title: string;
  kind: string;
  encounter: string;
}

export function UploadDialog(props: { open: OpenRoom; patientId: string; encounters: readonly Resource[]; onFiled: (key: string) => void; onClose: () => void }) {
  const { open, patientId, encounters, onFiled, onClose } = props;
  const { person } = useWorkspace();
  const attempt = useAttempt(open, PANELS.tab);
  const [isOver, setIsOver] = useState(false);
  const form = useForm<UploadValues>({
    initialValues: { file: null, title: "", kind: DOCUMENT_KINDS[0]!.code, encounter: currentEncounter(encounters) },
    validate: { file: fileProblem },
  });
  const choose = (file: File | null) => {
    form.setFieldValue("file", file);
    form.setFieldError("file", file && fileProblem(file));
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    choose(event.dataTransfer.files[0] ?? null);
  };
  const submit = async ({ file, ...said }: UploadValues) => {
    const read = await readFile(file!);
    if ("problem" in read) return form.setFieldError("file", read.problem);
    const frame = documentFrame({ patientId, person, now: new Date() });
    const document: Resource = { resourceType: "DocumentReference", id: crypto.randomUUID(), ...frame, ...filedElements(file!, read.data, said) };
    const put = () => open.room.put(document);
    const what = `Filing of ${said.title.trim() || file!.name}`;
    const failed = attempt(put, { what, again: put });
    if (failed) return form.setFieldError("file", failed);
    offerUndo(open.room, `Filed ${said.title.trim() || file!.name}`, (undo) => attempt(undo, { what: `Undo of: ${what}`, again: put }));
    onFiled(resourceKey("DocumentReference", document.id));
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title="Upload a document" size="lg" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
      <form noValidate onSubmit={form.onSubmit((values) => submit(values))}>
        <Stack gap="md">
          <div
            className={classes["drop"]}
            data-over={isOver || undefined}
            onDragOver={(event) => {
              event.preventDefault();
              setIsOver(true);
            }}
            onDragLeave={() => setIsOver(false)}
            onDrop={drop}
          >
            <FileInput
              label="File"
              description={ACCEPTED_TEXT}
              placeholder="Choose a file, or drop it here"
              withAsterisk
              clearable
              clearButtonProps={{ "aria-label": "Take the file away" }}
              accept={ACCEPTED}
              leftSection={<IconFileUpload size={16} aria-hidden />}
              value={form.values.file}
              onChange={choose}
              error={form.errors["file"]}
            />
          </div>
          <TextInput label="Title" placeholder={form.values.file?.name} maxLength={200} autoComplete="off" {...form.getInputProps("title")} />
          <NativeSelect label="Kind" data={DOCUMENT_KINDS.map(({ code, label }) => ({ value: code, label }))} {...form.getInputProps("kind")} />
          <EncounterSelect encounters={encounters} field="encounter" {...form.getInputProps("encounter")} />
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={form.submitting}>
              File document
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function filedElements(file: File, data: string, { title, kind, encounter }: Omit<UploadValues, "file">): Record<string, Json> {
  const context = contextOf(undefined, encounter);
  return {
    type: typeOf(kindOf(kind)!),
    description: title.trim() || file.name,
    content: [{ attachment: { contentType: file.type, data, title: file.name, size: file.size, creation: new Date().toISOString() } }],
    ...(context && { context }),
  };
}
