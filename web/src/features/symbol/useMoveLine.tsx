/** Moves an alert to another level: its next version, told with a way back. The server reads and writes the rule. */
import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { checkRule, saveRule, writeForm } from "@/shared/api/rules";
import type { Rule, Stock } from "@/shared/api/types";
import { onStep } from "@/shared/chart/candles";
import { useFormats } from "@/shared/format/use";
import { release } from "./lineDraft";
import { withLevel } from "./moveLevel";

interface Move {
  rule: Pick<Rule, "rule_uid" | "text">;
  level: string;
}

async function saveLevel({ rule, level }: Move) {
  const [read] = (await checkRule(rule.text)).rules;
  const form = read && withLevel(read.form, level);
  if (!form) throw new Error("This alert says more than a level: change it on its own page.");
  const written = await writeForm({ ...form, rule_uid: rule.rule_uid });
  if (written.errors[0]) throw new Error(written.errors[0].message);
  return saveRule({ rule_uid: rule.rule_uid, text: written.text });
}

export function useMoveLine(stock: Stock) {
  const client = useQueryClient();
  const formats = useFormats();
  const { mutate, isPending } = useMutation({
    mutationFn: saveLevel,
    onSettled: () => client.invalidateQueries({ queryKey: ["rules"] }),
  });
  const move = useCallback(
    (rule: Move["rule"] & Pick<Rule, "level">, price: number) => {
      const level = onStep(price, stock.tick_size);
      const before = onStep(Number(rule.level), stock.tick_size);
      if (level === before) {
        release();
        return;
      }
      const say = (one: string) => formats.price(one, stock.tick_size);
      const id = `moved-${rule.rule_uid}`;
      const failed = (error: Error) =>
        notifications.show({ title: "The alert was not moved", message: error.message, color: "red" });
      mutate(
        { rule, level },
        {
          onSuccess: (saved) =>
            notifications.show({
              id,
              title: `${stock.symbol}: the alert waits at ${say(level)} now`,
              message: (
                <Button
                  variant="default"
                  size="compact-sm"
                  onClick={() => {
                    notifications.hide(id);
                    mutate({ rule: saved, level: before }, { onError: failed });
                  }}
                >
                  Undo: back to {say(before)}
                </Button>
              ),
              color: "ink",
              autoClose: 10_000,
              closeButtonProps: { "aria-label": "Close the notice" },
            }),
          onError: failed,
          onSettled: release,
        },
      );
    },
    [mutate, stock, formats],
  );
  return { move, isPending };
}
