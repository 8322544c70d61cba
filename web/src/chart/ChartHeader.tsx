/** Whose chart this is, and what must be known before anything else. It stays in sight; collapsed, its counts and allergies do. */
import { ActionIcon, Badge, Group, Text, Title, Tooltip } from "@mantine/core";
import { useDisclosure, useElementSize, useLocalStorage } from "@mantine/hooks";
import { IconAlertTriangle, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { type ReactNode, useEffect, useId } from "react";
import { ALLERGIES } from "../allergies/AllergiesPanel";
import { ConflictsDrawer } from "../conflicts/ConflictsDrawer";
import { People } from "../presence/People";
import { useColleagues } from "../presence/usePeople";
import type { Resource } from "../shared/chartroom";
import { counted } from "../shared/counted";
import { ageInYears, formatDate } from "../shared/fhir/date";
import { identifiers, mainIdentifier, patientName, sexText } from "../shared/fhir/patient";
import type { OpenRoom } from "../shared/rooms";
import classes from "./Chart.module.css";
import type { CodeStatus } from "./codeStatus";
import type { Indicator } from "./indicators";
import { type Summary, useSummary } from "./useSummary";

export function ChartHeader(props: { patient: Resource; open: OpenRoom; standing: ReactNode; children: ReactNode }) {
  const { patient, open, standing, children } = props;
  const [isCollapsed, setCollapsed] = useLocalStorage({ key: "chartroom-header-collapsed", defaultValue: isTablet(), getInitialValueInEffect: false });
  const [areConflictsShown, conflicts] = useDisclosure(false);
  const more = useId();
  const age = ageInYears(patient["birthDate"], new Date());
  const death = formatDate(patient["deceasedDateTime"]) || (patient["deceasedBoolean"] === true ? "yes" : "");
  const identifier = mainIdentifier(patient);
  const summary = useSummary(open);
  const Chevron = isCollapsed ? IconChevronRight : IconChevronDown;
  return (
    <header ref={useKeptFree()} className={classes["header"]}>
      <div className={classes["headerInner"]}>
        <div className={classes["identity"]}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Details of the patient"
            aria-expanded={!isCollapsed}
            aria-controls={more}
            onClick={() => setCollapsed(!isCollapsed)}
          >
            <Chevron size={18} aria-hidden />
          </ActionIcon>
          <Title order={1} size="h2" className={classes["name"]}>
            {patientName(patient) || "Name not recorded"}
          </Title>
          {death && (
            <Badge color="dark" variant="filled" tt="none">
              Deceased{death === "yes" ? "" : ` ${death}`}
            </Badge>
          )}
          <Text className={classes["facts"]} component="p">
            <span>{death || age === undefined ? "" : `${age} years`}</span>
            <span>{sexText(patient["gender"])}</span>
            <span>{identifier ? `${identifier.label} ${identifier.value}` : `Id ${patient.id}`}</span>
          </Text>
        </div>
        <div className={classes["standing"]}>
          <People people={useColleagues(open.room)} label="Also on this patient" />
          {standing}
        </div>
        <Counts summary={summary} onConflicts={conflicts.open} />
        <div id={more} className={classes["more"]}>
          <div className={classes["details"]}>
            <AllergyNames allergies={summary.allergies} />
            <Details patient={patient} main={identifier?.value} isHidden={isCollapsed} />
          </div>
          <Indicators all={summary.indicators} isHidden={isCollapsed} />
        </div>
        {children}
      </div>
      <ConflictsDrawer open={open} patientId={patient.id} isShown={areConflictsShown} onClose={conflicts.close} />
    </header>
  );
}

/** Where the header would take a fifth of the page. */
function isTablet(): boolean {
  return window.innerWidth < 992;
}

/** What gets the focus is not beneath the header, however high it is. */
function useKeptFree() {
  const { ref, height } = useElementSize();
  useEffect(() => {
    if (height > 0) document.documentElement.style.setProperty("--chart-header", `${height}px`);
  }, [height]);
  return ref;
}

function Counts({ summary, onConflicts }: { summary: Summary; onConflicts: () => void }) {
  const { allergies, medications, problems, conflicts, indicators } = summary;
  const critical = indicators.filter(({ kind }) => kind === "Critical result").length;
  const flags = indicators.filter(({ kind }) => kind === "Flag").length;
  return (
    <div className={classes["counts"]} role="group" aria-label="Chart summary">
      <Badge tt="none" size="lg" variant={allergies.length > 0 ? "filled" : "default"} color="red.9" leftSection={allergies.length > 0 && <IconAlertTriangle size={14} aria-hidden />}>
        {allergies.length === 0 ? "No allergies recorded" : counted(allergies.length, "allergy", "allergies")}
      </Badge>
      <Badge tt="none" size="lg" variant="default" className={classes["lesser"]}>
        {counted(medications.length, "medication")}
      </Badge>
      <Badge tt="none" size="lg" variant="default" className={classes["lesser"]}>
        {counted(problems.length, "problem")}
      </Badge>
      <CodeStatusBadge status={summary.codeStatus} />
      {critical > 0 && (
        <Badge tt="none" size="lg" variant="filled" color="red.9">
          {counted(critical, "critical result")}
        </Badge>
      )}
      {flags > 0 && (
        <Badge tt="none" size="lg" variant="outline" className={classes["conflicts"]}>
          {counted(flags, "flag")}
        </Badge>
      )}
      {conflicts > 0 && (
        <Badge
          component="button"
          type="button"
          tt="none"
          size="lg"
          variant="outline"
          className={classes["conflicts"]}
          data-opens
          aria-haspopup="dialog"
          rightSection={<IconChevronRight size={14} aria-hidden />}
          onClick={onConflicts}
        >
          {counted(conflicts, "conflict")}
        </Badge>
      )}
    </div>
  );
}

function CodeStatusBadge({ status }: { status: CodeStatus | undefined }) {
  if (!status) {
    return (
      <Badge tt="none" size="lg" variant="default" fw={500} c="dimmed" className={classes["lesser"]}>
        Code status not recorded
      </Badge>
    );
  }
  const date = formatDate(status.date);
  const also = status.others.length > 0 ? ` Another record says: ${status.others.join("; ")}.` : "";
  return (
    <Tooltip label={`Recorded ${date || "without a date"}.${also}`} withArrow>
      <Badge tt="none" size="lg" variant="filled" color={also ? "red.9" : "violet.8"} tabIndex={0}>
        Code status: {status.text}
        {also && " — records differ"}
      </Badge>
    </Tooltip>
  );
}

function Details({ patient, main, isHidden }: { patient: Resource; main: string | undefined; isHidden: boolean }) {
  const born = formatDate(patient["birthDate"]);
  const others = identifiers(patient).filter(({ value }) => value !== main);
  return (
    <Text className={classes["facts"]} component="p" hidden={isHidden}>
      <span>{born ? `Born ${born}` : "Birth date not recorded"}</span>
      {others.slice(0, 3).map(({ label, value }) => (
        <span key={value} className={classes["identifier"]}>
          {label} {value}
        </span>
      ))}
    </Text>
  );
}

function AllergyNames({ allergies }: { allergies: readonly Resource[] }) {
  const names = allergies.map(ALLERGIES.label);
  const shown = names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "");
  return (
    <p className={classes["allergies"]} data-some={names.length > 0 || undefined} aria-label="Allergies summary">
      {names.length > 0 ? `Allergies: ${shown}` : "Nobody has recorded an allergy, nor that there is none."}
    </p>
  );
}

/** One line, which is there without indicators as well: nothing moves when one comes. */
function Indicators({ all, isHidden }: { all: readonly Indicator[]; isHidden: boolean }) {
  const rest = all.slice(INDICATORS_SHOWN);
  return (
    <Group gap={6} wrap="nowrap" className={classes["indicators"]} role="list" aria-label="Critical indicators" hidden={isHidden}>
      {all.length === 0 && (
        <Text size="sm" c="dimmed" role="listitem">
          No critical indicators
        </Text>
      )}
      {all.slice(0, INDICATORS_SHOWN).map(({ key, kind, text, since }) => (
        <Tooltip key={`${kind} ${key}`} label={`${kind}: ${text}${since ? `, since ${formatDate(since)}` : ""}`} withArrow multiline maw={420}>
          <Badge role="listitem" tabIndex={0} tt="none" variant="outline" className={classes["indicator"]} data-kind={kind}>
            {kind}: {text}
          </Badge>
        </Tooltip>
      ))}
      {rest.length > 0 && (
        <Tooltip label={rest.map(({ kind, text }) => `${kind}: ${text}`).join("; ")} withArrow multiline maw={420}>
          <Badge role="listitem" tabIndex={0} tt="none" variant="default">
            {rest.length} more
          </Badge>
        </Tooltip>
      )}
    </Group>
  );
}

const INDICATORS_SHOWN = 4;
