import { history, historyKeymap } from "@codemirror/commands";
import { EditorView, keymap } from "@codemirror/view";
import { connect } from "chartroom";
import { sharedText } from "chartroom/codemirror";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");
const text = await room.text("DocumentReference", "n1", "content");
new EditorView({ parent: document.body, extensions: [history(), keymap.of(historyKeymap), sharedText(text, room.presence)] });
