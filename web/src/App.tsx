/** The workspace: who is here, the bar above every page, and which page is shown. */
import { ActionIcon, Anchor, Container, Title, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import { Link, Route, Switch } from "wouter";
import { AlertsBar } from "./alerts/AlertsBar";
import { ChartPage } from "./chart/ChartPage";
import { ConnectionBar } from "./connection/ConnectionBar";
import { PatientList } from "./patients/PatientList";
import { PharmacyRoute } from "./pharmacy/PharmacyRoute";
import type { Connect } from "./shared/chartroom";
import { WorkspaceProvider } from "./shared/workspace";
import { PersonMenu } from "./signin/PersonMenu";
import { currentPerson, type Member, rememberPerson } from "./signin/people";
import { SignIn } from "./signin/SignIn";
import classes from "./styles/App.module.css";

export function App({ connect }: { connect: Connect }) {
  const [person, setPerson] = useState(() => currentPerson(window));
  const choose = useCallback((chosen: Member) => {
    rememberPerson(window, chosen);
    setPerson(chosen);
  }, []);
  if (!person) return <SignIn onChoose={choose} />;
  return (
    <WorkspaceProvider connect={connect} person={person} canEdit={person.canEdit}>
      <TopBar person={person} onChoose={choose} />
      <Switch>
        <Route path="/">
          <PatientList />
        </Route>
        <Route path="/pharmacy">
          <PharmacyRoute />
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

function TopBar({ person, onChoose }: { person: Member; onChoose: (person: Member) => void }) {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <nav className={classes["bar"]} aria-label="Workspace">
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
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={dark ? "Use light colours" : "Use dark colours"}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
      </ActionIcon>
      <PersonMenu person={person} onChoose={onChoose} />
    </nav>
  );
}
