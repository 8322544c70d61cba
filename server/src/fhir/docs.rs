//! docs/fhir.md tells what the tables say.

use std::{fmt::Write as _, fs};

use chartroom_engine::document::RESOURCE_TYPES;
use chartroom_fhir::search::parameters;

use super::table::{ROWS, Segment};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fhir.md");

fn interactions() -> String {
    let mut page = String::from("| request | interaction | what it does |\n| --- | --- | --- |\n");
    for row in ROWS {
        let segments = row.path.iter().map(|segment| match segment {
            Segment::Type => "[type]",
            Segment::Id => "[id]",
            Segment::Version => "[version]",
            Segment::Word(word) => word,
        });
        let path: Vec<&str> = segments.collect();
        let path = if path.is_empty() { "[base]".to_owned() } else { path.join("/") };
        writeln!(page, "| `{} {path}` | {} | {} |", row.method, row.code, row.text).unwrap();
    }
    page
}

fn searches() -> String {
    let all: Vec<&str> = parameters("").map(|parameter| parameter.code).collect();
    let mut page = format!(
        "Of every type: {}.\n\n| type | parameters |\n| --- | --- |\n",
        all.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
    );
    for name in RESOURCE_TYPES {
        let own: Vec<String> = parameters(name)
            .filter(|parameter| !all.contains(&parameter.code))
            .map(|parameter| format!("`{}` ({})", parameter.code, parameter.kind.code()))
            .collect();
        if !own.is_empty() {
            writeln!(page, "| {name} | {} |", own.join(", ")).unwrap();
        }
    }
    page
}

#[test]
fn docs_fhir_has_the_tables_of_the_code() {
    let mut page = fs::read_to_string(PAGE).unwrap();
    let was = page.clone();
    for (name, table) in [("interactions", interactions()), ("parameters", searches())] {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = page.find(&open).unwrap() + open.len();
        let end = page.find(&close).unwrap();
        page.replace_range(start..end, &table);
    }
    if std::env::var_os("CHARTROOM_WRITE_DOCS").is_some() {
        fs::write(PAGE, &page).unwrap();
    } else {
        assert!(
            page == was,
            "CHARTROOM_WRITE_DOCS=1 cargo test -p chartroom-server docs_fhir writes the tables anew"
        );
    }
}

#[test]
fn the_capability_statement_is_one_of_r4() {
    let statement = super::capability::capabilities("http://127.0.0.1/fhir/R4");
    assert_eq!(chartroom_fhir::validate::validate(&statement), []);
}
