//! How many of each kind are there at once.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// Those that are there, by address; as long as the list of them.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    most: usize,
    here: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One that is there, until this is dropped.
#[derive(Debug)]
pub(crate) struct Present {
    address: IpAddr,
    crowd: Crowd,
}

impl Crowd {
    /// Nobody, and so many of one address at most.
    pub fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    /// One more of an address, unless those are too many.
    pub fn enter(&self, address: IpAddr) -> Option<Present> {
        let mut here = self.here.lock();
        let count = here.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Present { address, crowd: self.clone() })
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut here = self.crowd.here.lock();
        if let Some(count) = here.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room_and_is_forgotten() {
        let crowd = Crowd::new(2);
        let address = IpAddr::from([192, 0, 2, 1]);
        let (first, second) = (crowd.enter(address), crowd.enter(address));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.enter(address).is_none());
        assert!(crowd.enter(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(first);
        assert!(crowd.enter(address).is_some());
        drop(second);
        assert!(crowd.here.lock().is_empty());
    }
}
