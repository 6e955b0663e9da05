/** Another level for an alert: in its form, and in a name that says it. Pure. */
import type { RuleForm } from "@/shared/api/ruleTypes";

/** The form with another level, and with a name that says it where the name said the old one; null where it has none. */
export function withLevel(form: RuleForm, level: string): RuleForm | null {
  const { when } = form;
  if (when.op !== "crosses" || when.left !== "close" || !/^[\d.]+$/.test(when.right)) return null;
  return { ...form, when: { ...when, right: level }, name: renamed(form.name, Number(when.right), level) };
}

function renamed(name: string, old: number, level: string): string {
  return name.replace(/\d+(?:,\d+)*(?:\.\d+)?/g, (found) =>
    Number(found.replaceAll(",", "")) === old ? level : found,
  );
}
