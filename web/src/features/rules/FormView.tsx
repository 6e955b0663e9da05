/** The rule as a form: name, instruments, conditions in groups, and the clauses around them. */
import { TextInput } from "@mantine/core";
import type { RuleForm } from "@/shared/api/ruleTypes";
import { ClausesForm, ScopeField } from "./ClausesForm";
import { ConditionEditor } from "./ConditionEditor";
import classes from "./rules.module.css";
import type { FormError } from "./useRule";

interface Props {
  form: RuleForm;
  errors: readonly FormError[];
  onForm: (form: RuleForm) => void;
}

/** Places that a field of the form shows itself; what the server says of others stands at the end. */
const SHOWN =
  /^(name|on|when|where|at|hold|fire|rearm|cooldown|limit|session|expires|max_age|notify|fallback|digest|action)\b/;

export function FormView({ form, errors, onForm }: Props) {
  const others = errors.filter((error) => !SHOWN.test(error.path));
  return (
    <div className={classes.form}>
      <TextInput
        size="xs"
        label="Name"
        maxLength={200}
        value={form.name}
        error={errors.find((error) => error.path === "name")?.message}
        onChange={(event) => onForm({ ...form, name: event.currentTarget.value })}
      />
      <ScopeField form={form} errors={errors} onForm={onForm} />
      <div className={classes.field}>
        <span className={classes.label}>When</span>
        <ConditionEditor
          name="when"
          root={form.when}
          errors={errors}
          onChange={(when) => onForm({ ...form, when })}
        />
      </div>
      <ClausesForm form={form} errors={errors} onForm={onForm} />
      {others.map((error) => (
        <p key={error.path} role="alert" className={classes.error}>
          {error.path ? `${error.path}: ` : ""}
          {error.message}
        </p>
      ))}
    </div>
  );
}
