/**
 * The dose of an order that a conflict holds up: everything that people wrote, or what else they
 * disagree about. The queue itself knows one of the values alone, so the chart is asked.
 */
import { useMemo } from "react";
import { sideText } from "../conflicts/conflict";
import { entryLabel } from "../shared/activity";
import type { Conflict } from "../shared/chartroom";
import { elementName } from "../shared/fhir/words";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts, useRoom } from "../shared/useRoom";
import type { Order } from "./order";
import classes from "./Pharmacy.module.css";

export function Dispute({ order }: { order: Order }) {
  return order.patientId ? <InChart order={order} /> : <Unsure order={order} />;
}

function InChart({ order }: { order: Order }) {
  const state = useRoom(`patient:${order.patientId}`);
  return state.step === "open" ? <Disputed order={order} open={state.open} /> : <Unsure order={order} />;
}

/** While nobody can tell what is disputed, it may be the dose. It takes the room of two values: nothing moves when they come. */
function Unsure({ order }: { order: Order }) {
  return (
    <div className={classes["dispute"]}>
      <p className={classes["unsure"]}>May be disputed: {order.dose || "dose not recorded"}</p>
    </div>
  );
}

function Disputed({ order, open }: { order: Order; open: OpenRoom }) {
  const conflicts = useConflicts(open);
  const { own, others } = useMemo(() => {
    const safety = [...conflicts.values()].flat().filter((conflict) => conflict.safety);
    const own = safety.filter(({ resource_type: type, id }) => type === "MedicationRequest" && id === order.prescriptionId);
    // Another prescription holds up itself.
    return { own, others: safety.filter(({ resource_type: type }) => type !== "MedicationRequest") };
  }, [conflicts, order.prescriptionId]);
  if (own.length === 0 && others.length === 0) return <Unsure order={order} />;
  return (
    <div className={classes["dispute"]}>
      {own.length === 0 && <p className={classes["dose"]}>{order.dose || "Dose not recorded"}</p>}
      {own.map((conflict) => (
        <Sides key={conflict.elements.join()} conflict={conflict} />
      ))}
      {others.length > 0 && (
        <p className={classes["unsure"]}>
          Disputed in the chart: {others.map(({ resource_type: type, id }) => entryLabel(open.room.get(type, id))).join(", ")}
        </p>
      )}
    </div>
  );
}

function Sides({ conflict }: { conflict: Conflict }) {
  const names = [...new Set(conflict.elements.map((element) => elementName(conflict.resource_type, element)))];
  const title = `Disputed: ${names.join(" and ")}`;
  return (
    <>
      <p className={classes["unsure"]} aria-hidden>
        {title}
      </p>
      <ul className={classes["disputed"]} aria-label={title}>
        {conflict.values.map((value) => (
          <li key={value.hash}>
            {sideText(conflict, value)} <span className={classes["side"]}>{value.author?.name ?? "Someone"}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
