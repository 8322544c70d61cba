import { connect } from "chartroom";

const client = await connect({ url: "ws://127.0.0.1:8080/sync", person: { id: "alice", name: "Alice" } });
const room = await client.open("patient:1");

room.presence.set({ tab: "medications" }); // where this window looks
room.on("presence", (people) => {
  for (const { person, at } of people) console.log(`${person?.name ?? "Somebody"} looks at ${at.tab}`);
});
document.addEventListener("input", () => room.presence.typing("MedicationRequest/m1", "dosageInstruction"));
