//! What the fuzz targets drive, also replayed here from what fuzzing found worth keeping.
//!
//! Each function takes any bytes and holds for all of them: no panic, nothing half applied, and
//! whoever else is in the room is served. `fuzz/` feeds them from libFuzzer; [`TARGETS`] has them all.

mod bend;
mod canary;
mod changes;
mod chunk;
mod events;
mod fhir;
mod frame;
mod load;
mod memory;
mod messages;
mod person;
mod resources;
mod scan;
mod ward;
mod words;

pub use crate::sim::run_bytes as converge;
pub use canary::canary;
pub use changes::changes;
pub use events::events;
pub use fhir::fhir;
pub use frame::frame;
pub use load::load;
pub use messages::messages;
pub use resources::resources;
pub use scan::scan;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rand::{RngCore, SeedableRng, rngs::StdRng};

    /// Runs a target on its corpus, its regressions, and bytes drawn by chance.
    fn replay(name: &str, target: fn(&[u8]), seeds: u64, bytes_max: u32) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let mut files = 0;
        for kind in ["corpus", "regressions"] {
            let Ok(folder) = fs::read_dir(fuzz.join(kind).join(name)) else { continue };
            for file in folder {
                let path = file.expect("a folder can be listed").path();
                println!("{}", path.display());
                target(&fs::read(&path).expect("a file can be read"));
                files += 1;
            }
        }
        assert!(files > 0, "fuzz/corpus/{name} is there");
        for seed in 0..seeds {
            println!("seed {seed}");
            let mut rng = StdRng::seed_from_u64(seed);
            let mut data = vec![0; (rng.next_u32() % bytes_max) as usize];
            rng.fill_bytes(&mut data);
            target(&data);
        }
    }

    #[test]
    fn any_message_leaves_the_room_standing() {
        replay("messages", super::messages, 100, 400);
    }

    #[test]
    fn any_change_is_taken_whole_or_refused() {
        replay("changes", super::changes, 100, 600);
    }

    #[test]
    fn any_resource_comes_back_equal_or_is_refused() {
        replay("resources", super::resources, 100, 200);
        for text in [
            r#"{"a":{"b":1.10}}"#,
            r#"{"_a":{"id":"x"},"a":null}"#,
            r#"{"a":[[],{},null,"=",1e400]}"#,
            r#"{"extension":[{"url":"$order"},{"url":"$order"},{"url":"b","x":[]}]}"#,
            r#"{"extension":[{"no":"url"}],"modifierExtension":[]}"#,
            r#"{"meta":{},"a":-0,"b":"=_[1]"}"#,
            r#"{"meta":{"versionId":"1"},"code":{},"author":"=_"}"#,
        ] {
            super::resources(text.as_bytes());
        }
    }

    #[test]
    fn any_resource_is_judged_and_searched() {
        replay("fhir", super::fhir, 100, 200);
    }

    #[test]
    fn any_frame_is_read_at_bounded_cost() {
        replay("frame", super::frame, 100, 200);
    }

    #[test]
    fn any_chunk_scans_as_automerge_parses_it() {
        replay("scan", super::scan, 100, 200);
    }

    #[test]
    fn any_snapshot_is_an_error_or_loads_again() {
        replay("load", super::load, 100, 300);
    }

    #[test]
    fn any_writing_gives_the_same_events_to_every_reader() {
        replay("events", super::events, 100, 600);
    }

    #[test]
    fn any_plan_converges() {
        replay("converge", super::converge, 2, 200);
    }

    #[test]
    fn chance_does_not_meet_the_canary() {
        replay("canary", super::canary, 1000, 400);
    }

    #[test]
    #[should_panic(expected = "the canary is found")]
    fn the_canary_is_there() {
        super::canary(b"i\x07\0\0\0i\x07\0\0\0d\x07\0\0\0s\x11\xca\xed\x5eu\0\0\0\0");
    }
}
