/** Signs a set: one edit, so that all of it is saved or none. */
import type { Edit, Resource } from "../shared/chartroom";
import { reasonText } from "../shared/edits";
import { offerUndo, whileItStands } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import type { SetValues } from "./orderSet";

/** The panel that refusals of sets belong to. */
export const ORDER_SETS_PANEL = "Order sets";

/** The reason where it cannot be done. */
export function signSet({ room, edits }: OpenRoom, values: SetValues, orders: readonly Resource[]): string | undefined {
  const text = `sign ${orders.length} orders of ${values.title}`;
  const sign = () => room.batch((batch) => orders.forEach((order) => batch.put(order)), { text });
  const takeBack = () => room.batch((batch) => orders.forEach(({ resourceType, id }) => batch.remove(resourceType, id)));
  const meaning = { what: `Order set ${values.title}`, panel: ORDER_SETS_PANEL };
  try {
    edits.follow(sign(), { ...meaning, draft: values, again: sign });
  } catch (error) {
    return reasonText(error);
  }
  const stand = orders.map(({ resourceType, id }) => whileItStands(room, resourceType, id));
  const follow = (undo: () => Edit) => {
    try {
      edits.follow(undo(), { ...meaning, what: `Undo of order set ${values.title}`, again: takeBack });
      return undefined;
    } catch (error) {
      return reasonText(error);
    }
  };
  offerUndo(room, `Signed ${orders.length} orders: ${values.title}`, follow, () => stand.some((stands) => stands()));
  return undefined;
}
