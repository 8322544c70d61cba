/** All alerts that are active, who has seen them, and the raising of one. */
import { Anchor, Badge, Button, Drawer, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconSpeakerphone } from "@tabler/icons-react";
import { Link } from "wouter";
import { formatTime } from "../shared/fhir/date";
import { useWorkspace } from "../shared/workspace";
import { type FacilityAlert, isSeenBy, KIND_NAMES, seenText } from "./alert";
import { RaiseDialog } from "./RaiseDialog";
import type { Alerts } from "./useAlerts";

export function AlertsDrawer({ alerts, isShown, onClose }: { alerts: Alerts; isShown: boolean; onClose: () => void }) {
  const { canEdit } = useWorkspace();
  const [isRaising, { open: raise, close: stop }] = useDisclosure(false);
  return (
    <>
      <Drawer opened={isShown} onClose={onClose} position="right" size={440} title="Alerts for everybody" closeButtonProps={{ "aria-label": "Close" }}>
        <Stack gap="sm">
          {canEdit && (
            <Button leftSection={<IconSpeakerphone size={17} aria-hidden />} variant="light" onClick={raise}>
              Raise an alert
            </Button>
          )}
          {alerts.active.length === 0 && <Text c="dimmed">No alerts are active.</Text>}
          {alerts.active.map((alert) => (
            <AlertCard key={alert.id} alert={alert} alerts={alerts} onFollow={onClose} />
          ))}
          {alerts.settled.length > 0 && (
            <>
              <Title order={3} size="h5" mt="sm">
                Critical values seen to
              </Title>
              {alerts.settled.map((alert) => (
                <AlertCard key={alert.id} alert={alert} alerts={alerts} onFollow={onClose} />
              ))}
            </>
          )}
        </Stack>
      </Drawer>
      {isRaising && <RaiseDialog raise={alerts.raise} onClose={stop} />}
    </>
  );
}

function AlertCard({ alert, alerts, onFollow }: { alert: FacilityAlert; alerts: Alerts; onFollow: () => void }) {
  const { person, canEdit } = useWorkspace();
  const isDangerous = alert.kind === "emergency" || alert.kind === "critical-value";
  return (
    <Paper component="article" withBorder p="sm" aria-label={`${KIND_NAMES[alert.kind]}: ${alert.text}`}>
      <Badge tt="none" variant="filled" color={isDangerous ? "red.9" : "gray.8"} mb={4}>
        {KIND_NAMES[alert.kind]}
      </Badge>
      <AlertWords alert={alert} onFollow={onFollow} />
      {canEdit && alert.isActive && (
        <Group gap="xs" mt="xs">
          {!isSeenBy(alert, person) && (
            <Button size="compact-sm" onClick={() => alerts.acknowledge(alert)}>
              Acknowledge
            </Button>
          )}
          {alert.kind !== "critical-value" && (
            <Button size="compact-sm" variant="default" onClick={() => alerts.end(alert)}>
              End for everybody
            </Button>
          )}
        </Group>
      )}
    </Paper>
  );
}

/** What an alert says, of whom, from whom, and who has seen it. */
export function AlertWords({ alert, onFollow }: { alert: FacilityAlert; onFollow: () => void }) {
  return (
    <>
      <Text fw={650} size="lg" lh={1.3} style={{ overflowWrap: "anywhere" }}>
        {alert.text}
      </Text>
      {alert.patient && (
        <Anchor component={Link} size="md" href={`/patients/${encodeURIComponent(alert.patient.id)}`} onClick={onFollow}>
          {alert.patient.name}
        </Anchor>
      )}
      {alert.escalatedTo.length > 0 && (
        <Text size="sm" c="red">
          Raised again for {alert.escalatedTo.join(", ")}
        </Text>
      )}
      <Text size="sm" c="dimmed" mt={2}>
        {alert.by}, {formatTime(alert.at, new Date())} · {seenText(alert)}
      </Text>
    </>
  );
}
