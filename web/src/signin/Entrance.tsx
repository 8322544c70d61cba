/** What a window shows first: the workspace, or the page that says what is missing. */
import { Button } from "@mantine/core";
import { Suspense, use, useState, useTransition } from "react";
import { App, Workspace } from "../App";
import type { Connect } from "../shared/chartroom";
import { AccountMenu } from "./AccountMenu";
import { Door } from "./Door";
import { enter, type Entered } from "./enter";
import { ProviderPage } from "./ProviderPage";

/** `first` is begun outside: what a provider sends back can be taken once. */
export function Entrance({ connect, first }: { connect: Connect; first: Promise<Entered> }) {
  const [entering, setEntering] = useState(first);
  const [asking, startAsking] = useTransition();
  return (
    <Suspense fallback={null}>
      <Page connect={connect} entering={entering} asking={asking} onAgain={() => startAsking(() => setEntering(enter()))} />
    </Suspense>
  );
}

interface Again {
  /** Whether the server is asked again at the moment. */
  asking: boolean;
  onAgain: () => void;
}

function Page({ connect, entering, ...again }: { connect: Connect; entering: Promise<Entered> } & Again) {
  const entered = use(entering);
  switch (entered.step) {
    case "open":
      return <App connect={connect} />;
    case "signed-in": {
      const { person, session } = entered;
      return <Workspace connect={connect} person={person} session={session} menu={<AccountMenu person={person} session={session} />} />;
    }
    case "signed-out":
      return <ProviderPage session={entered.session} reason={entered.reason} />;
    case "done":
      return <Door title="You are signed in" text="Close this window and go on in the other one." />;
    case "unsuitable":
      return (
        <Door
          title="Nobody can sign in here yet"
          text="This server takes sign-ins, and names no provider for a browser: its sign-in file needs an “app” (docs/operations.md)."
        />
      );
    case "unreachable":
      return <Unreachable who={entered.who} {...again} />;
  }
}

function Unreachable({ who, asking, onAgain }: { who: "server" | "provider" } & Again) {
  const [title, text] =
    who === "server"
      ? ["The server cannot be reached", "Check the network of this computer. Edits that this device keeps are safe, and go out once you are in."]
      : ["Nobody can sign in for now", "The server does not get an answer from the hospital's sign-in. Edits that this device keeps are safe."];
  return (
    <Door title={title} text={text}>
      <Button fullWidth size="lg" onClick={onAgain} loading={asking} autoFocus>
        Try again
      </Button>
    </Door>
  );
}
