/** What an alert says, of whom, from whom, who has seen it, and who ended it. */
import { Anchor, Text } from "@mantine/core";
import { Link } from "wouter";
import { formatTime } from "../shared/fhir/date";
import { type Alert, seenText } from "./alert";

export function AlertWords({ alert, onFollow }: { alert: Alert; onFollow: () => void }) {
  const { text, patient, escalatedTo, by, at, ended, kind, withdrawn } = alert;
  const now = new Date();
  return (
    <>
      <Text fw={650} size={ended ? "md" : "lg"} lh={1.3} style={{ overflowWrap: "anywhere" }}>
        {text}
      </Text>
      {patient && (
        <Anchor component={Link} size="md" href={`/patients/${encodeURIComponent(patient.id)}`} onClick={onFollow}>
          {patient.name}
        </Anchor>
      )}
      {escalatedTo.length > 0 && (
        <Text size="sm" c={ended ? "dimmed" : "red"}>
          Raised again for {escalatedTo.join(", ")}
        </Text>
      )}
      <Text size="sm" c="dimmed" mt={2}>
        {[`${by}, ${formatTime(at, now)}`, seenText(alert)].filter(Boolean).join(" · ")}
      </Text>
      {ended && (
        <Text size="sm">
          {withdrawn ?? `${kind === "critical-value" ? "Acknowledged" : "Ended"} by ${ended.name}`}, {formatTime(ended.at, now)}
        </Text>
      )}
    </>
  );
}
