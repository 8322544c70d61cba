import { connect } from "chartroom";
import WebSocket from "ws"; // Node 20 has no WebSocket of its own

const client = await connect({ url: "ws://127.0.0.1:8080/sync", WebSocket, person: { id: "watch", name: "Watch" }, token: process.env.TOKEN });
const room = await client.open("patient:1");

room.on("RESOURCE_CREATED", async ({ resource, local }) => {
  if (local || resource.resourceType !== "AllergyIntolerance") return;
  const flag = { resourceType: "Flag", id: `for-${resource.id}`, status: "active", code: { text: `Allergy: ${resource.code.text}` }, subject: resource.patient };
  await room.put(flag).saved;
  console.log("flagged", resource.id);
});
