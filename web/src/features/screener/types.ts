/** The shapes of screens, as the server's document has them. */
import type { Cond } from "@/shared/api/ruleTypes";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];

export type ScreenInfo = Schemas["Screen"];
export type ResultRow = Schemas["ScreenMatch"];
export type ResultColumn = Schemas["ScreenColumn"];
/** A value of a column: decimal text, a word, a truth, or not known. */
export type Cell = ResultRow["values"][number];
export type Chip = Omit<Schemas["ScreenChip"], "form"> & { form: Cond };
export type ResultPage = Omit<Schemas["ScreenPage"], "chips"> & { chips: Chip[] };
export type RunBody = Partial<Schemas["RunBody"]>;
export type Passage = Schemas["ScreenPassage"];
/** Quantiles at 5, 25, 50, 75 and 95 in a hundred. */
export type Distribution = Schemas["Distribution"];
