/** The region of the body that something is about, by SNOMED CT code where known, else by words. */
import { asObject, asText } from "../shared/fhir/read";

export type Region = "head" | "neck" | "chest" | "abdomen" | "pelvis" | "spine" | "arms" | "legs" | "other";

/** From head to foot, as they are listed. */
export const REGIONS: readonly Region[] = ["head", "neck", "chest", "abdomen", "pelvis", "spine", "arms", "legs", "other"];

export const REGION_NAMES: Readonly<Record<Region, string>> = {
  head: "Head",
  neck: "Neck",
  chest: "Chest",
  abdomen: "Abdomen",
  pelvis: "Pelvis",
  spine: "Spine",
  arms: "Arms",
  legs: "Legs",
  other: "Other",
};

/** The regions of a study's body sites, or of its own words where no site says one. Never empty. */
export function regionsOf(sites: readonly unknown[], words: string): readonly Region[] {
  const named = sites.flatMap(siteRegions);
  const found = new Set(named.length > 0 ? named : wordRegions(words));
  return found.size === 0 ? ["other"] : REGIONS.filter((region) => found.has(region));
}

function siteRegions(site: unknown): readonly Region[] {
  const coding = asObject(site);
  const system = asText(coding?.["system"]);
  const known = system === undefined || system === SNOMED ? BY_CODE.get(asText(coding?.["code"]) ?? "") : undefined;
  return known ? [known] : wordRegions(asText(coding?.["display"]) ?? "");
}

/** "Thoracic spine" is of the spine and not of the chest. */
function wordRegions(words: string): readonly Region[] {
  if (SPINE.test(words)) return ["spine"];
  return WORDS.filter(([, pattern]) => pattern.test(words)).map(([region]) => region);
}

const SPINE = /\b(spin(e|al)|vertebra\w*|lumb(ar|o\w+)|sacr(um|al)|coccyx|intervertebral)\b/i;

const WORDS: readonly (readonly [Region, RegExp])[] = [
  ["head", /\b(head|brain|skull|crani\w+|cerebr\w+|face|facial|orbit\w*|eyes?|ears?|sinus\w*|jaw|mandib\w+|maxilla\w*|dental|teeth|tooth|nose|nasal|pituitary)\b/i],
  ["neck", /\b(neck|cervical|thyroid|larynx|laryngeal|carotid\w*)\b/i],
  ["chest", /\b(chest|thora\w+|lungs?|pulmonary|heart|cardiac|coronary|echocardiogra\w+|breasts?|mammogra\w+|ribs?|sternum|clavicle|aort\w+|mediastin\w+)\b/i],
  ["abdomen", /\b(abdom\w+|liver|hepatic|kidneys?|renal|spleen|pancrea\w+|gallbladder|biliary|stomach|bowel|colon\w*|intestin\w+)\b/i],
  ["pelvis", /\b(pelvi\w+|hips?|bladder|uterus|uterine|ovar\w+|prostate|obstetric\w*|f(o)?etal)\b/i],
  ["arms", /\b(arms?|upper (limb|extremity)|shoulders?|scapula|humer\w+|elbows?|forearms?|radius|ulna|wrists?|hands?|fingers?|thumbs?)\b/i],
  ["legs", /\b(legs?|lower (limb|extremity)|thighs?|femur|femoral|knees?|patella|tibia\w*|fibula|ankles?|foot|feet|toes?|heel|calcane\w+)\b/i],
];

const SNOMED = "http://snomed.info/sct";

const CODES: Readonly<Partial<Record<Region, string>>> = {
  head: "69536005 12738006 89546000 89545001 81745001 117590005 2095001 661005 91609006 45206002",
  neck: "45048000 69748006 4596009 69105007",
  chest: "51185008 43799004 261179002 39607008 80891009 76752008 113197003 56873002 51299004 15825003",
  abdomen: "113345001 818983003 10200004 64033007 28231008 15776009 78961009 69695003 71854001",
  pelvis: "12921003 816092008 29836001 89837001 35039007 41216001 15497006",
  spine: "421060004 122494005 122495006 122496007 54735007 2748008 64688005",
  arms: "53120007 40983000 14975008 8205005 85562004 7569003 127949000 16982005 85050009 62413002 23416004 79601000 76505004",
  legs: "61685007 68367000 72696002 30021000 344001 56459004 29707007 71341001 12611008 87342007 64234005 80144004",
};

const BY_CODE: ReadonlyMap<string, Region> = new Map(REGIONS.flatMap((region) => (CODES[region] ?? "").split(" ").map((code) => [code, region] as const)));
