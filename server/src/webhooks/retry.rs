//! What a failed attempt means, and when the next one comes.

use std::borrow::Cow;

/// Failures behind which an event is given up that the receiver says it does not want.
const REFUSALS_MAX: u32 = 5;

/// Why an attempt did not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: refused, no such host, TLS not agreed on.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer.
    Broken,
    /// An answer that is no success; redirects too, since they are not followed.
    Status(u16),
    /// The event could not be read from the log; the room's error code.
    Log(&'static str),
}

impl Failure {
    /// Stable code for operators.
    pub fn code(self) -> Cow<'static, str> {
        match self {
            Self::Unreachable => "unreachable".into(),
            Self::Timeout => "timeout".into(),
            Self::Broken => "connection-lost".into(),
            Self::Status(status) => format!("status-{status}").into(),
            Self::Log(code) => code.into(),
        }
    }

    /// Whether the receiver says that it is there no more.
    ///
    /// Source: Standard Webhooks specification, "410 Gone".
    pub fn is_gone(self) -> bool {
        self == Self::Status(410)
    }

    /// Whether this event is what the receiver does not take, as opposed to any.
    fn is_refusal(self) -> bool {
        matches!(self, Self::Status(400 | 413 | 415 | 422))
    }
}

/// How often and how long a target is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts for one event before it is given up.
    pub attempts: u32,
    /// The wait behind the first failure, in milliseconds.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
}

impl Retry {
    /// Whether an event that failed so often, at last in this way, is given up.
    pub fn gives_up(&self, failures: u32, failure: Failure) -> bool {
        let refusals_max = if failure.is_refusal() { REFUSALS_MAX } else { u32::MAX };
        // Where the log cannot be read the receiver has no part in it.
        !matches!(failure, Failure::Log(_)) && failures >= self.attempts.min(refusals_max)
    }

    /// Milliseconds until the next attempt: twice as many behind each failure, and of these a part
    /// between one half and the whole, which `jitter` from 0 to 1 chooses.
    pub fn wait_ms(&self, failures: u32, jitter: f64) -> u64 {
        let doublings = failures.saturating_sub(1).min(63);
        let whole = self.first_ms.saturating_mul(1 << doublings).min(self.max_ms);
        let half = whole / 2;
        half + (half as f64 * jitter) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { attempts: 8, first_ms: 1000, max_ms: 60_000 };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = (1..=8).map(|failures| RETRY.wait_ms(failures, 1.0)).collect();
        assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(RETRY.wait_ms(3, 0.0), 2000);
        assert_eq!(RETRY.wait_ms(u32::MAX, 1.0), 60_000);
    }

    #[test]
    fn what_the_receiver_refuses_is_given_up_sooner() {
        let given_up = |failure| (1..20).find(|n| RETRY.gives_up(*n, failure));
        assert_eq!(given_up(Failure::Unreachable), Some(8));
        assert_eq!(given_up(Failure::Status(503)), Some(8));
        assert_eq!(given_up(Failure::Status(422)), Some(5));
        assert_eq!(given_up(Failure::Log("room-unreadable")), None);
        let once = Retry { attempts: 1, ..RETRY };
        assert!(once.gives_up(1, Failure::Status(400)));
    }
}
