/** The patient list, loaded anew when the window is looked at again. */
import { useCallback, useEffect, useRef, useState } from "react";
import { loadPatients, type PatientEntry } from "./rooms";

export type PatientsState =
  | { readonly step: "loading" }
  | { readonly step: "unreachable" }
  | { readonly step: "ready"; readonly patients: readonly PatientEntry[]; readonly stale: boolean };

const RETRY_MS = 5_000;
/** Who is on which patient is as old as that at most. */
const REFRESH_MS = 30_000;

/** The list and a way to ask for it again. A list once shown stays when the server goes away. */
export function usePatients(): { state: PatientsState; reload: () => void } {
  const [state, setState] = useState<PatientsState>({ step: "loading" });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    loadPatients(abort.signal).then(
      (patients) => {
        setState({ step: "ready", patients, stale: false });
        timer.current = setTimeout(reload, REFRESH_MS);
      },
      () => {
        if (abort.signal.aborted) return;
        setState((before) => (before.step === "ready" ? { ...before, stale: true } : { step: "unreachable" }));
        timer.current = setTimeout(reload, RETRY_MS);
      },
    );
    return () => {
      abort.abort();
      clearTimeout(timer.current);
    };
  }, [turn, reload]);

  useEffect(() => {
    window.addEventListener("focus", reload);
    return () => window.removeEventListener("focus", reload);
  }, [reload]);

  return { state, reload };
}
