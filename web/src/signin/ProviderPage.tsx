/** The page of a window in which nobody is signed in: where to sign in, and why again. */
import { Alert, Button } from "@mantine/core";
import { IconInfoCircle, IconShieldOff } from "@tabler/icons-react";
import { useState } from "react";
import { Door } from "./Door";
import type { Reason } from "./enter";
import { type Session, whyNot } from "./session";

export function ProviderPage({ session, reason }: { session: Session; reason?: Reason | undefined }) {
  const [failure, setFailure] = useState<Reason>();
  const [leaving, setLeaving] = useState(false);
  const begin = () => {
    setLeaving(true);
    session.begin().catch((error: unknown) => {
      setLeaving(false);
      setFailure({ kind: "declined", text: whyNot(error) });
    });
  };
  const shown = failure ?? reason;
  return (
    <Door title="Sign in to Chartroom" text={`You sign in at ${session.provider} and come back here. Chartroom sees no password.`}>
      {shown && <Why reason={shown} />}
      <Button fullWidth size="lg" onClick={begin} loading={leaving} autoFocus>
        Sign in at {session.provider}
      </Button>
    </Door>
  );
}

function Why({ reason }: { reason: Reason }) {
  const [title, text, isQuiet] = wordsOf(reason);
  const Icon = isQuiet ? IconInfoCircle : IconShieldOff;
  return (
    <Alert color={isQuiet ? "blue" : "orange"} icon={<Icon aria-hidden />} title={title} mb="lg" role={isQuiet ? "status" : "alert"} styles={{ title: { color: "var(--mantine-color-text)" } }}>
      {text}
    </Alert>
  );
}

function wordsOf(reason: Reason): [title: string, text: string, isQuiet?: boolean] {
  switch (reason.kind) {
    case "left":
      return ["You are signed out", "Close the browser on a computer that others use.", true];
    case "expired":
      return ["Your sign-in has expired", "Sign in again to go on where you were.", true];
    case "revoked":
      return ["Your sign-in was taken back", "Sign in again. If that does not let you in, ask the service desk."];
    case "declined":
      return ["You were not signed in", reason.text];
    case "refused":
      return ["This server does not take your sign-in", `Those who run it have to look at it: ${reason.text}.`];
  }
}
