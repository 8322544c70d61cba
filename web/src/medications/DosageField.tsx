/** How a drug is taken, in words. */
import { Textarea, type TextareaProps } from "@mantine/core";
import type { ReactNode } from "react";

export function DosageField({ note, ...props }: TextareaProps & { note: ReactNode }) {
  return (
    <div>
      <Textarea label="Dosage" placeholder="1 tablet by mouth once a day" autosize minRows={2} maxRows={6} maxLength={2000} data-field="dosage" {...props} />
      {note}
    </div>
  );
}
