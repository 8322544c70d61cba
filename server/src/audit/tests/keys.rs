//! Keys in files.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// The example of RFC 8410, section 10, which openssl reads.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

#[test]
fn a_key_that_is_not_there_is_made_for_its_owner_alone_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("audit.key");
    let made = SigningKey::at(&path).unwrap().public();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::at(&path).unwrap().public(), made);
    let public = path.with_extension("pub");
    assert_eq!(PublicKey::all_at(&public).unwrap(), std::slice::from_ref(&made));
    // One that takes the place of a lost one leaves what that signed verifiable.
    std::fs::remove_file(&path).unwrap();
    let next = SigningKey::at(&path).unwrap().public();
    assert_eq!(PublicKey::all_at(&public).unwrap(), [made, next]);
}

#[test]
fn keys_are_those_of_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("a.key"), folder.path().join("a.pub"));
    std::fs::write(&private, PRIVATE).unwrap();
    std::fs::write(&public, PUBLIC).unwrap();
    let key = SigningKey::at(&private).unwrap();
    assert_eq!(PublicKey::all_at(&public).unwrap(), [key.public()]);
    let checkpoint = key.sign(7, &[1; 32], 42);
    assert!(checkpoint.is_signed_by(&[SigningKey::of_memory().public(), key.public()]));
    assert!(!checkpoint.is_signed_by(&[SigningKey::of_memory().public()]));
    assert!(!Checkpoint { n: 8, ..checkpoint }.is_signed_by(&[key.public()]));
}

#[test]
fn what_is_no_key_is_said_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.key");
    std::fs::write(&path, PUBLIC).unwrap();
    let error = SigningKey::at(&path).unwrap_err().to_string();
    assert!(error.ends_with("audit.key: is no Ed25519 key in PEM (PKCS #8)"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), PUBLIC);
    std::fs::write(&path, PRIVATE).unwrap();
    let error = PublicKey::all_at(&path).unwrap_err().to_string();
    assert!(error.ends_with("is no Ed25519 public key in PEM"), "{error}");
    assert!(!format!("{:?}", SigningKey::at(&path).unwrap()).contains("1O5y"), "no key in a log");
}
