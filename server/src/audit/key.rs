//! The keys of checkpoints, Ed25519, in the files that `openssl` makes and reads too, and what is signed.

use std::{fmt, fs, io, io::Write as _, os::unix::fs::OpenOptionsExt, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain::{Hash, hex};

/// What a private key of 32 bytes is wrapped in (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What a public key of 32 bytes is wrapped in (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// What the server signs checkpoints with.
pub struct SigningKey(Ed25519KeyPair);

/// What checkpoints are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// What the chain said at some point, signed.
///
/// One JSON object a line is how it is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the last entry that it covers.
    pub n: u64,
    /// That entry's hash, in hex.
    pub hash: String,
    /// When it was signed, in milliseconds since 1970.
    pub at: u64,
    /// The key, as [`PublicKey::id`].
    pub key: String,
    /// The signature over [`Checkpoint::text`], in base64.
    pub signature: String,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the key of the audit trail in {path}: {reason}")]
pub struct KeyError {
    /// The file.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

impl SigningKey {
    /// A key that is gone with the process, for stores that are.
    pub fn of_memory() -> Self {
        Self::of_seed(&rand::random())
    }

    /// The key in a file, PKCS #8 in PEM. Where there is none it is made, for its owner's eyes, and the
    /// public key is added to the file beside it whose name ends in `.pub`.
    pub fn at(path: &Path) -> Result<Self, KeyError> {
        let failed = |reason: String| KeyError { path: path.display().to_string(), reason };
        match fs::read_to_string(path) {
            Ok(pem) => {
                let der = unwrapped(&pem, PRIVATE).into_iter().next();
                let key = der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
                key.map(Self).ok_or_else(|| failed("is no Ed25519 key in PEM (PKCS #8)".to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::make(path).map_err(|error| failed(error.to_string()))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let seed: [u8; 32] = rand::random();
        let key = Self::of_seed(&seed);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // The public one first: a key whose signatures nobody could verify is never used.
        let public =
            fs::OpenOptions::new().create(true).append(true).open(path.with_extension("pub"));
        written(public?, &wrapped(&[&SPKI_PREFIX, &key.public().0], PUBLIC))?;
        let private = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
        written(private?, &wrapped(&[&PKCS8_PREFIX, &seed], PRIVATE))?;
        Ok(key)
    }

    fn of_seed(seed: &[u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed"))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signs what the chain says up to entry `n`, whose hash is `hash`.
    pub(super) fn sign(&self, n: u64, hash: &Hash, at: u64) -> Checkpoint {
        let (key, signature) = (self.public().id(), String::new());
        let unsigned = Checkpoint { n, hash: hex(hash), at, key, signature };
        let signature = STANDARD.encode(self.0.sign(unsigned.text().as_bytes()));
        Checkpoint { signature, ..unsigned }
    }
}

/// Nothing of a key is shown.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl PublicKey {
    /// All keys of a file in PEM; it may hold several, one behind another.
    pub fn all_at(path: &Path) -> Result<Vec<Self>, KeyError> {
        let failed = |reason: String| KeyError { path: path.display().to_string(), reason };
        let pem = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let keys: Option<Vec<Self>> =
            unwrapped(&pem, PUBLIC).iter().map(|der| Self::of_der(der)).collect();
        let keys = keys.filter(|keys| !keys.is_empty());
        keys.ok_or_else(|| failed("is no Ed25519 public key in PEM".to_owned()))
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        der.strip_prefix(&SPKI_PREFIX)?.try_into().ok().map(Self)
    }

    /// What names the key in checkpoints: the first 8 bytes of its SHA-256, in hex.
    pub fn id(&self) -> String {
        let digest: Hash = Sha256::digest(self.0).into();
        hex(&digest).chars().take(16).collect()
    }

    fn signed(&self, checkpoint: &Checkpoint) -> bool {
        let Ok(signature) = STANDARD.decode(&checkpoint.signature) else { return false };
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(checkpoint.text().as_bytes(), &signature).is_ok()
    }
}

impl Checkpoint {
    /// What is signed: four lines, of which the first is this name.
    pub fn text(&self) -> String {
        format!("chartroom audit checkpoint\n{}\n{}\n{}\n", self.n, self.hash, self.at)
    }

    /// Whether one of these keys signed it.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        keys.iter().any(|key| key.signed(self))
    }
}

fn written(mut file: fs::File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Bytes in PEM (RFC 7468).
fn wrapped(parts: &[&[u8]], label: &str) -> String {
    let body = STANDARD.encode(parts.concat());
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// What stands in PEM under a label.
fn unwrapped(pem: &str, label: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let bodies = pem.split(&begin).skip(1).filter_map(|rest| rest.split(&end).next());
    let bare = |body: &str| body.split_whitespace().collect::<String>();
    bodies.filter_map(|body| STANDARD.decode(bare(body)).ok()).collect()
}
