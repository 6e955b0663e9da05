/** Why a rule did not fire for an instrument: how it stands now. */
import { Button, Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import { whyQuery } from "@/shared/api/rules";
import type { StoredRule } from "@/shared/api/ruleTypes";
import { InstrumentPicker, type PickerOption } from "@/shared/ui/InstrumentPicker";
import { WhyNow } from "@/shared/ui/WhyNow";
import classes from "./AlertsPage.module.css";

export default function WhyDialog({ rule, onClose }: { rule: StoredRule; onClose: () => void }) {
  const [chosen, setChosen] = useState<PickerOption | null>(
    rule.instrument ? { value: rule.instrument, label: rule.symbol ?? rule.instrument } : null,
  );
  const why = useQuery({ ...whyQuery(rule.rule_uid, chosen?.value ?? ""), enabled: chosen !== null });
  return (
    <Modal opened onClose={onClose} title={`Why not? ${rule.name}`} size="lg">
      <div className={classes.dialog}>
        <div className={classes.ask}>
          <InstrumentPicker
            label="For which instrument"
            isLabelShown
            isInDialog
            chosen={chosen}
            autoFocus={chosen === null}
            onChoose={setChosen}
          />
          <Button
            variant="default"
            leftSection={<RefreshCw size={15} aria-hidden />}
            disabled={chosen === null}
            loading={why.isFetching}
            onClick={() => void why.refetch()}
          >
            Ask again
          </Button>
        </div>
        {chosen ? <WhyNow query={why} /> : <p className="dim">Each instrument has a state of its own.</p>}
      </div>
    </Modal>
  );
}
