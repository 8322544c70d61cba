//! Everybody at every door: each row comes from the server's own tables, so a door without one fails.
//!
//! What is expected is said here once; the tests compare it with what a server does, and
//! docs/security-matrix.md with what is said here.

mod frames;
mod http;
mod texts;

use std::fmt::Write as _;

use chartroom_tests::identity::{Claims, Visitor};
use serde_json::{Value, json};

use super::{CANARY, Ward};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security-matrix.md");

/// Who stands at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Without a token.
    Nobody,
    /// With one whose time is over.
    Expired,
    /// A member whose sign-in is for flags alone.
    OtherScope,
    /// A member of another room.
    OtherRoom,
    /// A member who reads.
    Reader,
    /// A member who writes.
    Member,
    /// Who broke the glass.
    Glass,
    /// Who runs the server, admits people and reads the audit, and is no member.
    Operator,
}

use Who::{Expired, Glass, Member, Nobody, Operator, OtherRoom, OtherScope, Reader};

/// The columns.
const ALL: [Who; 8] = [Nobody, Expired, OtherScope, OtherRoom, Reader, Member, Glass, Operator];

impl Who {
    fn title(self) -> &'static str {
        match self {
            Nobody => "nobody",
            Expired => "expired token",
            OtherScope => "member, scope `user/Flag.rs`",
            OtherRoom => "member of another room",
            Reader => "member, read only",
            Member => "member",
            Glass => "broken glass",
            Operator => "operator",
        }
    }

    /// Whether they may see everything in the room.
    fn sees(self) -> bool {
        matches!(self, Reader | Member | Glass)
    }

    fn is_in(self) -> bool {
        !matches!(self, Nobody | Expired)
    }

    fn claims(self) -> Option<Claims> {
        Some(match self {
            Nobody => return None,
            Expired => Claims::of("bob").lasting(-1000),
            OtherScope => Claims::of("bob").scope("user/Flag.rs"),
            OtherRoom => Claims::of("mallory"),
            Reader => Claims::of("charlie"),
            Member => Claims::of("bob"),
            Glass => Claims::of("alice").roles(&["physician"]),
            Operator => Claims::of("olga").roles(&["operator", "registrar", "auditor"]),
        })
    }
}

/// Everybody's token.
struct People(Vec<(Who, Option<String>)>);

impl People {
    fn of(ward: &Ward) -> Self {
        Self(ALL.iter().map(|who| (*who, who.claims().map(|claims| ward.token(&claims)))).collect())
    }

    fn token(&self, who: Who) -> Option<&str> {
        let (_, token) = self.0.iter().find(|(of, _)| *of == who).unwrap();
        token.as_deref()
    }

    fn visitor(&self, ward: &Ward, who: Who) -> Visitor {
        Visitor::of(&ward.server, self.token(who))
    }

    /// A chart with the canary in it, in which everybody stands as their column says.
    async fn chart(&self, ward: &Ward, id: &str) {
        ward.chart(id).await;
        let room = format!("patient:{id}");
        ward.admit(&room, "bob", "write").await;
        ward.admit(&room, "charlie", "read").await;
        let text = json!({
            "kind": "setText", "resourceType": "Observation", "id": format!("{id}-o"),
            "element": "note", "text": CANARY,
        });
        let reply = ward.chief.post(&format!("/rooms/{room}/commands"), &text).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        let alice = self.visitor(ward, Glass);
        let path = format!("/rooms/{room}/glass");
        let reply = alice.post(&path, &json!({ "reason": "cardiac arrest" })).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

/// A server for all of them.
async fn ward() -> (Ward, People) {
    let ward = Ward::open().await;
    let people = People::of(&ward);
    let own = json!({ "resourceType": "Patient", "id": "other", "birthDate": "1980-01-02" });
    assert_eq!(ward.chief.put(&own).await.unwrap().status, 201);
    ward.admit("patient:other", "mallory", "write").await;
    for room in ["pharmacy:queue", "facility:alerts"] {
        ward.admit(room, "bob", "write").await;
        ward.admit(room, "charlie", "read").await;
    }
    (ward, people)
}

/// A table of rows with what becomes of everybody.
fn table(first: &str, rows: Vec<(String, Vec<String>)>) -> String {
    let titles: Vec<&str> = ALL.iter().map(|who| who.title()).collect();
    let mut page =
        format!("| {first} | {} |\n|{}\n", titles.join(" | "), " --- |".repeat(ALL.len() + 1));
    for (row, cells) in rows {
        writeln!(page, "| {row} | {} |", cells.join(" | ")).unwrap();
    }
    page
}

/// Fails with every cell that is not as expected.
fn check(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn docs_security_matrix_has_the_tables_of_the_code() {
    let page = format!(
        "# Who gets through which door\n\n\
        Where people sign in. Written by `CHARTROOM_WRITE_DOCS=1 cargo nextest run -p chartroom-tests docs_security_matrix`; \
        each cell is tried against a server, and what may not be seen is looked for in every answer \
        (`tests/tests/e2e/access/matrix.rs`).\n\n\
        Everybody asks about one patient's room. \
        The operator may run the server, admit people and read the audit, and is no member. \
        404 is what a room that does not exist answers, to the byte.\n\n\
        ## HTTP\n\n{}\n\
        ## Messages of `/sync`\n\n\
        Those who may not join are closed: with 4001 at their `join`, with 1002 at anything else. \
        \"Nothing\" is neither an answer nor an effect.\n\n{}\n\
        ## Frames of `/api/ws`\n\n{}",
        http::expected_table(),
        frames::expected_table(),
        texts::expected_table(),
    );
    if std::env::var_os("CHARTROOM_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    } else {
        let was = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(
            page == was,
            "CHARTROOM_WRITE_DOCS=1 cargo nextest run -p chartroom-tests docs_security_matrix writes it anew"
        );
    }
}

/// An entry of a Bundle.
fn entry(method: &str, url: &str, resource: Value) -> Value {
    json!({ "resource": resource, "request": { "method": method, "url": url } })
}
