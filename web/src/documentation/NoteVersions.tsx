/** Earlier versions of an amended note, each as it was signed, with who and when. */
import { Skeleton, Text, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useEffect, useId, useState } from "react";
import type { Resource, Room } from "../shared/chartroom";
import { formatTime } from "../shared/fhir/date";
import { contentOf } from "./content";
import classes from "./Documentation.module.css";
import { amendedFor, type Note, noteOf } from "./note";

interface Version {
  readonly hash: string;
  readonly author: string;
  readonly at: number;
  readonly resource: Resource;
}

export function NoteVersions({ room, note }: { room: Room; note: Note }) {
  const [isOpen, setIsOpen] = useState(false);
  const versions = useVersions(room, note.resource, isOpen);
  const id = useId();
  return (
    <div className={classes["versions"]}>
      <UnstyledButton className={classes["toggle"]} aria-expanded={isOpen} aria-controls={id} onClick={() => setIsOpen(!isOpen)}>
        <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={isOpen || undefined} />
        Earlier versions
      </UnstyledButton>
      <div id={id}>
        {isOpen && !versions && <Skeleton height={80} />}
        {isOpen && versions?.length === 0 && <Text size="sm" c="dimmed">The earlier versions are in a history that this server keeps apart.</Text>}
        {isOpen && versions?.map((version) => <OneVersion key={version.hash} version={version} />)}
      </div>
    </div>
  );
}

function OneVersion({ version: { resource, author, at } }: { version: Version }) {
  const content = contentOf(resource);
  const isAmended = noteOf(resource).state === "amended";
  return (
    <article className={classes["version"]} aria-label={`As ${isAmended ? "amended" : "signed"} by ${author}`}>
      <Text size="sm" fw={600}>
        {isAmended ? "Amended" : "Signed"} by {author} · {formatTime(at, new Date())}
      </Text>
      {isAmended && amendedFor(resource) && <Text size="sm">Reason: {amendedFor(resource)}</Text>}
      <pre className={classes["words"]}>{content.kind === "text" ? content.text : "Its text is beside the note."}</pre>
    </article>
  );
}

/** Read out of the history when they are first looked at, and again when there is another one. */
function useVersions(room: Room, resource: Resource, isOpen: boolean): readonly Version[] | undefined {
  const [versions, setVersions] = useState<readonly Version[]>();
  useEffect(() => {
    if (!isOpen) return;
    let gone = false;
    signedVersions(room, resource).then(
      (found) => void (gone || setVersions(found)),
      // The room was closed meanwhile.
      () => undefined,
    );
    return () => void (gone = true);
  }, [room, resource, isOpen]);
  return versions;
}

async function signedVersions(room: Room, { resourceType: type, id }: Resource): Promise<readonly Version[]> {
  const changes = (await room.history(type, id)).filter(({ changed }) => changed.includes("docStatus") || changed.includes("content"));
  const versions: Version[] = [];
  for (const { hash, author, authored_ms: at } of changes) {
    const resource = await (await room.at([hash])).get(type as "DocumentReference", id);
    if (resource && ["final", "amended"].includes(String(resource.docStatus))) versions.push({ hash, author: author?.name ?? "someone", at, resource });
  }
  // The last one is what stands.
  return versions.slice(0, -1).reverse();
}
