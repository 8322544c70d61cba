/** What is in a note: the editor, a text to read, an image, or a file to open. */
import { Anchor, Button, Group, Skeleton, Text } from "@mantine/core";
import { IconDownload, IconExternalLink } from "@tabler/icons-react";
import { lazy, Suspense, useEffect, useState } from "react";
import type { TextView } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import { type Content, contentOf, fromBase64 } from "./content";
import classes from "./Documentation.module.css";
import type { Note } from "./note";
import { useWords } from "./useNoteText";

const Editor = lazy(() => import("./NoteEditor"));
/** What a browser may show in a page of this origin; a script could be in anything else. */
const OPENED = new Set(["application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"]);

interface Props {
  open: OpenRoom;
  note: Note;
  text: TextView | undefined;
  /** Whether this window has just begun it, and goes on to write. */
  isBegun: boolean;
}

export function NoteBody(props: Props) {
  const { note } = props;
  const content = contentOf(note.resource);
  if (content.kind === "text") return <pre className={classes["words"]}>{content.text || "This note has no text."}</pre>;
  if (content.kind === "shared") return <SharedBody {...props} />;
  if (content.kind === "elsewhere") return <Elsewhere url={content.url} />;
  return <FileBody content={content} title={note.title} />;
}

/** The text that people write together; as it was left where nobody writes it any more. */
function SharedBody({ open: { room }, note, text, isBegun }: Props) {
  const { canEdit } = useWorkspace();
  const words = useWords(text);
  if (!text) return <Skeleton height={160} m="md" role="status" aria-label="Opening the text" />;
  if (note.state !== "draft") return <pre className={classes["words"]}>{words || "This note has no text."}</pre>;
  return (
    <Suspense fallback={<pre className={classes["words"]}>{words}</pre>}>
      <Editor text={text} presence={room.presence} label={`Text of ${note.title}`} canEdit={canEdit} isBegun={isBegun} onFocus={() => room.presence.update({ resource: note.key, element: "content" })} />
    </Suspense>
  );
}

function FileBody({ content, title }: { content: Extract<Content, { data: string }>; title: string }) {
  const url = useBlobUrl(content);
  if (url === undefined) return <Text className={classes["part"]}>This file cannot be read.</Text>;
  return (
    <div className={classes["part"]}>
      <Group gap="xs" mb="sm">
        {OPENED.has(content.type) && (
          <Button component="a" size="compact-sm" variant="default" href={url} target="_blank" leftSection={<IconExternalLink size={16} aria-hidden />}>
            Open in a new tab
          </Button>
        )}
        <Button component="a" size="compact-sm" variant="default" href={url} download={content.name} leftSection={<IconDownload size={16} aria-hidden />}>
          Download
        </Button>
        <Text size="sm" c="dimmed">
          {content.name}
        </Text>
      </Group>
      {content.kind === "image" && <img className={classes["image"]} src={`data:${content.type};base64,${content.data}`} alt={title} />}
    </div>
  );
}

/** An address of the file for as long as it is shown; undefined where it cannot be read. */
function useBlobUrl({ data, type }: { data: string; type: string }): string | undefined {
  const [url, setUrl] = useState<string | undefined>("");
  useEffect(() => {
    const bytes = fromBase64(data);
    const made = bytes && URL.createObjectURL(new Blob([bytes], { type: OPENED.has(type) ? type : "application/octet-stream" }));
    setUrl(made);
    return () => {
      if (made) URL.revokeObjectURL(made);
    };
  }, [data, type]);
  return url;
}

function Elsewhere({ url }: { url: string }) {
  return (
    <Text className={classes["part"]}>
      This document is kept elsewhere:{" "}
      {/^https?:/.test(url) ? (
        <Anchor href={url} target="_blank" rel="noopener noreferrer">
          {url}
        </Anchor>
      ) : (
        url
      )}
    </Text>
  );
}
