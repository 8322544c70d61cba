//! Writing an array into a list that stands: only the items that differ.

use automerge::{
    AutomergeError, ObjId, ReadDoc, ScalarValue,
    transaction::{Transactable, Transaction},
};

use super::plan::is_loose;

/// Above this many pairs to compare, what differs in the middle is replaced item by item.
const PAIRS_MAX: usize = 1_000_000;

/// One step of turning a list into another; indexes are those of the list as it is at that step.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Keep,
    Replace(usize),
    Insert(usize),
    Delete,
}

/// Makes the list read as `items`, touching only what differs.
///
/// `shown` is as what a list with disputed items reads. Written like that but for these, they are settled,
/// all of them. Written otherwise, those that it does not differ in stay in dispute.
pub(super) fn write(
    tx: &mut Transaction<'_>,
    list: &ObjId,
    items: &[ScalarValue],
    shown: Option<&[ScalarValue]>,
) -> Result<(), AutomergeError> {
    let standing: Vec<(bool, Option<ScalarValue>)> = tx
        .list_range(list, ..)
        .map(|item| {
            let value: automerge::Value<'_> = item.value.to_owned().into();
            (is_loose(item.conflict, &item.value), value.as_scalar().cloned())
        })
        .collect();
    let standing: Vec<Option<ScalarValue>> = match shown {
        Some(shown) if shown.len() == standing.len() && !chooses(&standing, items, shown) => {
            shown.iter().cloned().map(Some).collect()
        }
        _ => standing.into_iter().map(|(loose, value)| value.filter(|_| !loose)).collect(),
    };
    let mut at = 0;
    for step in steps(&standing, items) {
        match step {
            Step::Keep => at += 1,
            Step::Replace(from) => {
                if let Some(item) = items.get(from) {
                    tx.put(list, at, item.clone())?;
                }
                at += 1;
            }
            Step::Insert(from) => {
                if let Some(item) = items.get(from) {
                    tx.insert(list, at, item.clone())?;
                }
                at += 1;
            }
            Step::Delete => tx.delete(list, at)?,
        }
    }
    Ok(())
}

/// Whether `items` differ from what is shown in nothing but what is in dispute.
fn chooses(
    standing: &[(bool, Option<ScalarValue>)],
    items: &[ScalarValue],
    shown: &[ScalarValue],
) -> bool {
    let mut all = items.iter().zip(shown).zip(standing);
    shown.len() == items.len() && all.all(|((item, shown), (loose, _))| *loose || item == shown)
}

/// The steps from `old` to `new`: a longest common subsequence is kept, and between what is kept,
/// items are replaced in pairs before any is inserted or deleted.
fn steps(old: &[Option<ScalarValue>], new: &[ScalarValue]) -> Vec<Step> {
    let kept = common(old, new);
    let mut steps = Vec::new();
    let (mut o, mut n) = (0, 0);
    for (keep_old, keep_new) in kept.into_iter().chain([(old.len(), new.len())]) {
        let (gone, come) = (keep_old - o, keep_new - n);
        steps.extend((0..gone.min(come)).map(|i| Step::Replace(n + i)));
        steps.extend((come..gone).map(|_| Step::Delete));
        steps.extend((gone..come).map(|i| Step::Insert(n + i)));
        if keep_old < old.len() {
            steps.push(Step::Keep);
        }
        (o, n) = (keep_old + 1, keep_new + 1);
    }
    steps
}

/// Index pairs of a longest common subsequence.
fn common(old: &[Option<ScalarValue>], new: &[ScalarValue]) -> Vec<(usize, usize)> {
    let same = |(a, b): (&Option<ScalarValue>, &ScalarValue)| a.as_ref() == Some(b);
    let head = old.iter().zip(new).take_while(|pair| same(*pair)).count();
    let tail = old
        .iter()
        .skip(head)
        .rev()
        .zip(new.iter().skip(head).rev())
        .take_while(|pair| same(*pair))
        .count();
    let middle_old: Vec<_> = old.iter().take(old.len() - tail).skip(head).collect();
    let middle_new: Vec<_> = new.iter().take(new.len() - tail).skip(head).collect();
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|i| (i, i)).collect();
    if middle_old.len().saturating_mul(middle_new.len()) <= PAIRS_MAX {
        pairs.extend(
            longest(&middle_old, &middle_new).into_iter().map(|(o, n)| (o + head, n + head)),
        );
    }
    pairs.extend((0..tail).rev().map(|i| (old.len() - 1 - i, new.len() - 1 - i)));
    pairs
}

fn longest(old: &[&Option<ScalarValue>], new: &[&ScalarValue]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut lengths = vec![0u32; (old.len() + 1) * width];
    let cell = |o: usize, n: usize| o * width + n;
    let at = |lengths: &[u32], o: usize, n: usize| lengths.get(cell(o, n)).copied().unwrap_or(0);
    for (o, a) in old.iter().enumerate().rev() {
        for (n, b) in new.iter().enumerate().rev() {
            let length = if a.as_ref() == Some(*b) {
                at(&lengths, o + 1, n + 1) + 1
            } else {
                at(&lengths, o + 1, n).max(at(&lengths, o, n + 1))
            };
            if let Some(slot) = lengths.get_mut(cell(o, n)) {
                *slot = length;
            }
        }
    }
    let (mut o, mut n, mut pairs) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (old.get(o), new.get(n)) {
        if a.as_ref() == Some(*b) {
            pairs.push((o, n));
            (o, n) = (o + 1, n + 1);
        } else if at(&lengths, o + 1, n) >= at(&lengths, o, n + 1) {
            o += 1;
        } else {
            n += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &[Step]) {
        let scalars = |text: &str| text.chars().map(|c| ScalarValue::from(c.to_string())).collect();
        let old: Vec<ScalarValue> = scalars(old);
        let old: Vec<_> = old.into_iter().map(Some).collect();
        let new: Vec<ScalarValue> = scalars(new);
        assert_eq!(steps(&old, &new), expected);
    }

    #[test]
    fn only_what_differs_is_touched() {
        use Step::{Delete, Insert, Keep, Replace};
        check("abc", "abc", &[Keep, Keep, Keep]);
        check("abc", "abXc", &[Keep, Keep, Insert(2), Keep]);
        check("abc", "ac", &[Keep, Delete, Keep]);
        check("abc", "aXc", &[Keep, Replace(1), Keep]);
        check("", "ab", &[Insert(0), Insert(1)]);
        check("ab", "", &[Delete, Delete]);
        check("abcd", "bXd", &[Delete, Keep, Replace(1), Keep]);
    }
}
