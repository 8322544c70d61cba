//! docs/events.md, against the tables and what events really carry.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use super::{
    super::{
        critical::CriticalTable,
        table::{Clause, Details, Place, RULES},
    },
    *,
};

const GLASS: &str = "GLASS_BROKEN";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/events.md");

/// The cells of a Markdown row, without the marks of code.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_matches('|');
    // Between bars alone: a cell may be empty.
    line.split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
}

/// The rows of the first table behind a heading.
fn table_behind(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).expect(heading);
    let lines = rest.lines().skip_while(|line| !line.starts_with("| "));
    lines.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

fn codes(values: &str) -> String {
    let quoted: Vec<String> = values.split(' ').map(|value| format!("`{value}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn clause(clause: Clause) -> String {
    match clause {
        Clause::Created => "created".to_owned(),
        Clause::Updated => "updated".to_owned(),
        Clause::Deleted => "deleted".to_owned(),
        Clause::Other => "updated without any of the events above".to_owned(),
        Clause::Is(path, values) => format!("`{path}` is {}", codes(values)),
        Clause::Not(path, values) => format!("`{path}` is not {}", codes(values)),
        Clause::Becomes(path, values) => format!("`{path}` becomes {}", codes(values)),
        Clause::Turns(path, from, to) => format!("`{path}` turns from `{from}` to `{to}`"),
        Clause::In(Place::Chart) => "in a patient's room".to_owned(),
        Clause::In(Place::Alerts) => "in `facility:alerts`".to_owned(),
        Clause::File => "a content type is not `text/*`".to_owned(),
        Clause::Note => "no content type, or one is `text/*`".to_owned(),
        Clause::RefersToObservation => {
            "`inResponseTo` or `about` refers to an Observation".to_owned()
        }
        Clause::Critical => "its value becomes critical".to_owned(),
        Clause::ConflictNew => "a conflict appears".to_owned(),
        Clause::ConflictGone => "a conflict is gone".to_owned(),
        Clause::Reverts => {
            "an element is put back, unseen, to what it was before another author wrote it"
                .to_owned()
        }
    }
}

fn rules() -> String {
    let mut page = String::from("| resource | when | events |\n| --- | --- | --- |\n");
    for rule in RULES {
        let types = if rule.types.is_empty() { "any" } else { rule.types };
        let all = |clauses: &&[Clause]| {
            clauses.iter().copied().map(clause).collect::<Vec<_>>().join(", ")
        };
        let when = rule.when.iter().map(all).collect::<Vec<_>>().join("; or ");
        let events = codes(rule.events).replace(" or ", ", ");
        writeln!(page, "| {} | {when} | {events} |", types.replace(' ', ", ")).unwrap();
    }
    page
}

fn critical() -> String {
    let mut page = String::from(
        "| LOINC | what | unit | low | high | for |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in CriticalTable::shipped().rows() {
        let list = |items: Vec<&str>| items.join(", ");
        let units = row.units().map(|unit| if unit.is_empty() { "none" } else { unit }).collect();
        let limit = |limit: Option<&str>| limit.unwrap_or_default().to_owned();
        let age = if row.adults_only() { "adults" } else { "" };
        let cells = [
            &list(row.codes().collect()),
            row.what(),
            &list(units),
            &limit(row.low()),
            &limit(row.high()),
            age,
        ];
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
    page
}

#[test]
fn docs_events_has_the_tables_of_the_code() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut expected = page.clone();
    for (name, table) in [("rules", rules()), ("critical", critical())] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
        let (head, rest) = expected.split_once(&begin).expect("the page has the markers");
        let (_, tail) = rest.split_once(&end).expect("the page has the markers");
        expected = format!("{head}{begin}{table}{end}{tail}");
    }
    if std::env::var_os("CHARTROOM_WRITE_DOCS").is_some() {
        fs::write(PAGE, &expected).unwrap();
    } else {
        assert_eq!(page, expected, "CHARTROOM_WRITE_DOCS=1 writes the tables anew");
    }
}

#[test]
fn docs_events_tells_every_event_and_its_dotted_name() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut told: Vec<String> = Vec::new();
    for row in table_behind(&page, "## What the events mean") {
        let [name, dotted_name, meaning] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(*dotted_name, dotted(name));
        assert!(meaning.ends_with('.'), "{name}");
        told.push(name.clone());
    }
    told.sort();
    assert_eq!(told, NAMES);
}

#[test]
fn docs_events_tells_every_field_of_an_event() {
    let page = fs::read_to_string(PAGE).unwrap();
    let rows = table_behind(&page, "## An event");
    let told: BTreeSet<&str> = rows.iter().flat_map(|row| row[0].split(", ")).collect();
    let mut event = derived("patient:1", "Basic", &Value::Null, &json!({})).remove(0);
    event.source = Some(EventSource { room: event.room.clone(), seq: 1 });
    event.via = Some("clinic".into());
    let event = serde_json::to_value(event).unwrap();
    let fields: BTreeSet<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, fields);
}

/// Events with everything that details can have.
fn richest() -> Vec<Event> {
    let critical = |code: &str| {
        json!({
            "code": { "coding": [{ "code": code }] },
            "interpretation": [{ "coding": [{ "code": "HH" }] }],
            "valueQuantity": { "value": 900, "comparator": ">", "unit": "mg/dL" },
        })
    };
    let mut late = critical("2345-7");
    late["status"] = json!("final");
    late["effectiveDateTime"] = json!("2001");
    late["component"] = json!([critical("2160-0")]);
    let unknown = json!({
        "status": "final", "code": late["code"], "valueQuantity": { "value": 1, "unit": "?" },
    });
    let draft = json!({ "status": "draft", "intent": "order" });
    let order = json!({ "status": "active", "intent": "order" });
    let message = json!({
        "status": "completed",
        "about": [{ "reference": "Observation/1" }, { "reference": "Observation/2" }],
    });
    let none = Value::Null;
    let mut events: Vec<Event> = [
        ("Observation", &none, &late),
        ("Observation", &none, &unknown),
        ("Observation", &late, &unknown),
        ("MedicationRequest", &draft, &order),
        ("Communication", &none, &message),
    ]
    .into_iter()
    .flat_map(|(resource_type, before, after)| clinical("patient:1", resource_type, before, after))
    .collect();
    let conflict = json!({ "elements": [], "kind": "element", "safety": false });
    for name in ["CONFLICT_DETECTED", "CONFLICT_RESOLVED", "EDIT_REVERTED"] {
        let event =
            Event { event: name.to_owned(), details: conflict.clone(), ..events[0].clone() };
        events.push(event);
    }
    // No change's: the server tells it.
    let (event, details) = (GLASS.to_owned(), json!({ "reason": "", "until": "" }));
    events.push(Event { event, details, ..events[0].clone() });
    events
}

#[test]
fn docs_events_tells_every_member_of_details() {
    let page = fs::read_to_string(PAGE).unwrap();
    let rows = table_behind(&page, "## Details");
    let told: BTreeSet<(String, String)> =
        rows.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let mut carried = BTreeSet::new();
    for event in richest() {
        for member in event.details.as_object().into_iter().flat_map(serde_json::Map::keys) {
            carried.insert((event.event.clone(), member.clone()));
        }
    }
    assert_eq!(told, carried);
    let mut detailed = BTreeSet::from([GLASS]);
    for rule in RULES.iter().filter(|rule| rule.details != Details::Nothing) {
        detailed.extend(rule.events.split(' '));
    }
    assert_eq!(detailed, told.iter().map(|(event, _)| event.as_str()).collect());
}

#[test]
fn the_events_and_limits_are_those_of_the_agreed_table() {
    let Ok(agreed) = fs::read_to_string(TABLE) else {
        println!("skipped: {TABLE} is absent");
        return;
    };
    let words = agreed.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    for word in words.filter(|word| word.len() > 8 && word.contains('_') && *word != "UPPER_CASE") {
        let known =
            NAMES.iter().any(|name| *name == word || word.starts_with('_') && name.ends_with(word));
        assert!(known, "{word}");
    }
    let table = CriticalTable::shipped();
    let rows: Vec<Vec<String>> = agreed
        .lines()
        .skip_while(|line| !line.starts_with("| LOINC"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert_eq!(rows.len(), 17);
    for row in rows {
        let [codes, what, units, low, high] = row.as_slice() else { panic!("{row:?}") };
        let unit = units.split([',', ' ']).next().unwrap().replace("none", "");
        let has = |row: &&crate::event::critical::CriticalRow| {
            let limits = [row.low().unwrap_or_default(), row.high().unwrap_or_default()];
            row.what() == what
                && codes.split(", ").all(|code| row.codes().any(|known| known == code))
                && row.units().any(|known| known == unit)
                && limits == [low, high]
        };
        assert!(table.rows().iter().any(|row| has(&row)), "{row:?}");
    }
}
