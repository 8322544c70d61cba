/** DICOM's modality codes in words. Source: DICOM PS3.16, CID 29. */
import { asObject, asText } from "../shared/fhir/read";

/** A modality's code, as on a film's label; nothing where there is none. */
export function modalityCode(modality: unknown): string {
  return asText(asObject(modality)?.["code"]) ?? "";
}

/** A modality in words: ours where the code is known, else the record's own. */
export function modalityText(modality: unknown): string {
  const code = modalityCode(modality);
  return WORDS[code] ?? asText(asObject(modality)?.["display"]) ?? code;
}

const WORDS: Readonly<Record<string, string>> = {
  BMD: "Bone densitometry",
  CR: "Computed radiography",
  CT: "CT",
  DX: "Digital radiography",
  ECG: "Electrocardiography",
  ES: "Endoscopy",
  GM: "General microscopy",
  IO: "Intra-oral radiography",
  IVUS: "Intravascular ultrasound",
  MG: "Mammography",
  MR: "MRI",
  NM: "Nuclear medicine",
  OCT: "Optical coherence tomography",
  OP: "Ophthalmic photography",
  OT: "Other modality",
  PT: "PET",
  PX: "Panoramic X-ray",
  RF: "Fluoroscopy",
  RG: "Radiographic imaging",
  SC: "Secondary capture",
  SM: "Slide microscopy",
  SR: "Structured report",
  US: "Ultrasound",
  XA: "X-ray angiography",
  XC: "Photography",
};
