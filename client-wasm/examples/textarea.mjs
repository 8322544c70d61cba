import { bindTextarea, connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
const text = await room.text("DocumentReference", "n1", "content");

const unbind = bindTextarea(text, document.querySelector("textarea"), room.presence);
text.on("frozen", (error) => console.log(error?.message ?? "can be written again")); // such as: the note is signed
text.splice(0, 0, "Seen today. "); // a program writes as well
window.addEventListener("pagehide", unbind);
