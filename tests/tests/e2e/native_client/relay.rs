//! An address that stays while the server behind it goes and comes.

use std::net::SocketAddr;

use chartroom_client::Target;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
};

/// Passes connections on to a server, or to nobody.
pub struct Relay {
    address: SocketAddr,
    server: watch::Sender<Option<SocketAddr>>,
}

impl Relay {
    /// An address with a server behind it.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, behind) = watch::channel(Some(server));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(pass_on(socket, behind.clone()));
            }
        });
        Self { address, server: sender }
    }

    /// Cuts all connections; those that come from now on go to this server, or end at once.
    pub fn lead_to(&self, server: Option<SocketAddr>) {
        self.server.send_replace(server);
    }

    pub fn target(&self) -> Target {
        Target::new(&format!("http://{}", self.address)).unwrap()
    }
}

async fn pass_on(mut socket: TcpStream, mut behind: watch::Receiver<Option<SocketAddr>>) {
    let Some(server) = *behind.borrow_and_update() else { return };
    let Ok(mut onward) = TcpStream::connect(server).await else { return };
    select! {
        _ = copy_bidirectional(&mut socket, &mut onward) => {}
        _ = behind.changed() => {}
    }
}
