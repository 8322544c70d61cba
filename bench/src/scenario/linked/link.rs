//! A thin link: what it carries in a second is limited each way, everything takes a while, and it can
//! be cut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// Bytes that are sent as one.
const PACKET_BYTES: usize = 1400;
/// Packets that wait on the way before more is taken in: 50 ms of 10 Mbit/s, as a router keeps.
const QUEUE_PACKETS: usize = 45;

/// A way to a server.
pub struct Link {
    address: String,
    up: watch::Sender<bool>,
    carried: Arc<AtomicU64>,
}

impl Link {
    /// A link to a server's address.
    pub async fn before(
        server: &str,
        bits_per_second: u64,
        delay: Duration,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (up, is_up) = watch::channel(true);
        let carried = Arc::<AtomicU64>::default();
        let way = Way { bits_per_second, delay, carried: Arc::clone(&carried), is_up };
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let is_up = *way.is_up.borrow();
                if is_up && let Ok(far) = TcpStream::connect(&server).await {
                    tokio::spawn(way.clone().join(near, far));
                }
            }
        });
        Ok(Self { address, up, carried })
    }

    /// Where it begins.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Breaks all connections, and takes none.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.up.send_replace(true);
    }

    /// Bytes carried so far, both ways together.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Way {
    bits_per_second: u64,
    delay: Duration,
    carried: Arc<AtomicU64>,
    is_up: watch::Receiver<bool>,
}

impl Way {
    async fn join(self, near: TcpStream, far: TcpStream) -> anyhow::Result<()> {
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (near_in, near_out) = near.into_split();
        let (far_in, far_out) = far.into_split();
        let mut is_up = self.is_up.clone();
        tokio::select! {
            _ = self.carry(near_in, far_out) => {}
            _ = self.carry(far_in, near_out) => {}
            _ = is_up.wait_for(|up| !up) => {}
        }
        Ok(())
    }

    /// Moves bytes one way: each packet when those before it have passed, and then the delay.
    async fn carry(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> anyhow::Result<()> {
        let (sender, mut packets) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE_PACKETS);
        let taking = async {
            let mut free_at = Instant::now();
            loop {
                let mut packet = vec![0; PACKET_BYTES];
                let length = from.read(&mut packet).await?;
                if length == 0 {
                    return anyhow::Ok(());
                }
                packet.truncate(length);
                self.carried.fetch_add(length as u64, Ordering::Relaxed);
                let takes = length as f64 * 8.0 / self.bits_per_second as f64;
                free_at = free_at.max(Instant::now()) + Duration::from_secs_f64(takes);
                sender.send((free_at + self.delay, packet)).await?;
                // No more waits than a router keeps.
                sleep_until(free_at - Duration::from_millis(50)).await;
            }
        };
        let giving = async {
            while let Some((at, packet)) = packets.recv().await {
                sleep_until(at).await;
                to.write_all(&packet).await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(taking, giving)?;
        Ok(())
    }
}
