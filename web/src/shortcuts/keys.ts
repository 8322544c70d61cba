/** Keys that act by themselves, which whoever dictates or types with one hand can switch off (WCAG 2.1.4). */
import { useHotkeys, useLocalStorage } from "@mantine/hooks";

/** Whether single keys act, in every window of this browser. */
export function useSingleKeys() {
  return useLocalStorage({ key: "chartroom-single-keys", defaultValue: true, getInitialValueInEffect: false });
}

/** Does something on a key, unless the person is typing or has switched such keys off. */
export function useSingleKey(key: string, act: () => void): void {
  const [isOn] = useSingleKeys();
  useHotkeys(isOn ? [[key, act]] : []);
}
