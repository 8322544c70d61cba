/** All alerts that are active, who has seen them, what ended lately, and the raising of one. */
import { Badge, Button, Drawer, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconSpeakerphone } from "@tabler/icons-react";
import { useWorkspace } from "../shared/workspace";
import { type Alert, isDangerous, isSeenBy, KIND_NAMES } from "./alert";
import { AlertWords } from "./AlertWords";
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
            <AlertCard key={alert.key} alert={alert} alerts={alerts} onFollow={onClose} />
          ))}
          {alerts.ended.length > 0 && (
            <Stack component="section" gap="sm" aria-labelledby="ended-alerts">
              <Title order={3} size="h5" mt="sm" id="ended-alerts">
                Ended
              </Title>
              {alerts.ended.map((alert) => (
                <AlertCard key={alert.key} alert={alert} alerts={alerts} onFollow={onClose} />
              ))}
            </Stack>
          )}
        </Stack>
      </Drawer>
      {isRaising && <RaiseDialog raise={alerts.raise} onClose={stop} />}
    </>
  );
}

function AlertCard({ alert, alerts, onFollow }: { alert: Alert; alerts: Alerts; onFollow: () => void }) {
  const { person, canEdit } = useWorkspace();
  const color = alert.ended ? "gray" : isDangerous(alert) ? "red.9" : "gray.8";
  return (
    <Paper component="article" withBorder p="sm" aria-label={`${KIND_NAMES[alert.kind]}: ${alert.text}`}>
      <Badge tt="none" variant={alert.ended ? "default" : "filled"} color={color} mb={4}>
        {KIND_NAMES[alert.kind]}
      </Badge>
      <AlertWords alert={alert} onFollow={onFollow} />
      {canEdit && !alert.ended && (
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
