/** The workspace: who is here, the bar above every page, and which page is shown. */
import { ActionIcon, Anchor, Container, Title, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { type ReactNode, useCallback, useState } from "react";
import { Link, Route, Switch } from "wouter";
import { AlertsBar } from "./alerts/AlertsBar";
import { ConnectionBar } from "./connection/ConnectionBar";
import { PatientList } from "./patients/PatientList";
import type { Connect } from "./shared/chartroom";
import { focusOn } from "./shared/focus";
import { lazily } from "./shared/lazily";
import { WorkspaceProvider } from "./shared/workspace";
import { Shortcuts } from "./shortcuts/Shortcuts";
import { NothingOpen } from "./signin/NothingOpen";
import { PersonMenu } from "./signin/PersonMenu";
import { currentPerson, type Member, rememberPerson } from "./signin/people";
import type { Session } from "./signin/session";
import { SignIn } from "./signin/SignIn";
import classes from "./styles/App.module.css";

const ChartPage = lazily("the chart", () => import("./chart/ChartPage").then(({ ChartPage }) => ChartPage));
const PharmacyPage = lazily("the pharmacy queue", () => import("./pharmacy/PharmacyPage").then(({ PharmacyPage }) => PharmacyPage));

/** On a server without sign-in: whoever is chosen at this window. */
export function App({ connect }: { connect: Connect }) {
  const [person, setPerson] = useState(() => currentPerson(window));
  const choose = useCallback((chosen: Member) => {
    rememberPerson(window, chosen);
    setPerson(chosen);
  }, []);
  if (!person) return <SignIn onChoose={choose} />;
  return <Workspace connect={connect} person={person} menu={<PersonMenu person={person} onChoose={choose} />} />;
}

interface WorkspaceProps {
  connect: Connect;
  person: Member;
  /** The sign-in of the person, where the server has one. */
  session?: Session;
  /** What stands at the end of the bar: who this is. */
  menu: ReactNode;
}

/** The pages, in one person's name. */
export function Workspace({ connect, person, session, menu }: WorkspaceProps) {
  return (
    <WorkspaceProvider connect={connect} person={person} canEdit={person.canEdit} session={session}>
      <TopBar>{menu}</TopBar>
      <Switch>
        <Route path="/">
          <PatientList empty={session && <NothingOpen person={person} />} />
        </Route>
        <Route path="/pharmacy">
          <PharmacyPage />
        </Route>
        <Route path="/patients/:id/:tab?">{({ id, tab = "chart" }) => <ChartPage patientId={id} tab={tab} />}</Route>
        <Route>
          <Container component="main" size="sm" py="xl">
            <Title order={1} size="h3">
              There is no such page
            </Title>
            <Anchor component={Link} href="/">
              Back to the patient list
            </Anchor>
          </Container>
        </Route>
      </Switch>
      <ConnectionBar />
    </WorkspaceProvider>
  );
}

function TopBar({ children }: { children: ReactNode }) {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <nav className={classes["bar"]} aria-label="Workspace">
      <button type="button" className={classes["skip"]} onClick={() => focusOn(document.querySelector("main"))}>
        Skip to the content
      </button>
      <Link href="/" className={classes["brand"]}>
        <img src="/favicon.svg" alt="" width={22} height={22} />
        Chartroom
      </Link>
      <Link href="/" className={classes["link"]}>
        Patients
      </Link>
      <Link href="/pharmacy" className={classes["link"]}>
        Pharmacy
      </Link>
      <AlertsBar />
      <Shortcuts />
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={dark ? "Use light colours" : "Use dark colours"}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
      </ActionIcon>
      {children}
    </nav>
  );
}
