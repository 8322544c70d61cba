/** The chart at a glance: what the patient has, takes and went through. */
import { AllergiesPanel } from "../allergies/AllergiesPanel";
import { MedicationsPanel } from "../medications/MedicationsPanel";
import { ProblemsPanel } from "../problems/ProblemsPanel";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import type { OpenRoom } from "../shared/rooms";
import classes from "./ChartReview.module.css";
import { CARE_PLANS, ENCOUNTERS, IMMUNIZATIONS, PROCEDURES } from "./entries";
import { VitalsPanel } from "./VitalsPanel";

export function ChartReview(props: { open: OpenRoom; patientId: string }) {
  return (
    <div className={classes["panels"]}>
      <div className={classes["side"]}>
        <div className={classes["first"]}>
          <ProblemsPanel {...props} />
        </div>
        <div className={classes["second"]}>
          <AllergiesPanel {...props} />
        </div>
        <VitalsPanel {...props} />
        <ResourcePanel definition={IMMUNIZATIONS} {...props} />
      </div>
      <div className={classes["side"]}>
        <div className={classes["second"]}>
          <MedicationsPanel {...props} />
        </div>
        <ResourcePanel definition={ENCOUNTERS} {...props} />
        <ResourcePanel definition={PROCEDURES} {...props} />
        <ResourcePanel definition={CARE_PLANS} {...props} />
      </div>
    </div>
  );
}
