//! Where the subject stands in the sentences of Marvin & Linzen (2018).
//!
//! Their sentences are made from templates, and a row's `test` and `case` name its own. `MS` is the
//! main subject and `MV` its verb, `IS` and `IV` the same for things, `ES` and `EV` those of the
//! embedded clause or phrase, `BS` the subject of the sentence around it, `LMV` a long verb phrase,
//! `ANPHR` a reflexive. Every sentence begins with "the" and a subject of one word, so that a rule
//! counts from the sentence's beginning or back from the word that must agree:
//!
//! | test | example (the word that must agree in capitals) | subject |
//! |---|---|---|
//! | `simple_agrmt` | the authors LAUGH | the word before |
//! | `sent_comp` | the mechanics said the author LAUGHS | the word before |
//! | `obj_rel_within_*`, `obj_rel_no_comp_within_*` | the author that the guards LIKE laughs | the word before |
//! | `prep_*` | the author next to the guards LAUGHS | word 1 |
//! | `subj_rel` | the author that likes the guards LAUGHS | word 1 |
//! | `obj_rel_across_*`, `obj_rel_no_comp_across_*` | the author that the guards like LAUGHS | word 1 |
//! | `vp_coord`, `long_vp_coord` | the author laughs and SWIMS | word 1 |
//! | `simple_reflexives` | the authors hurt THEMSELVES | two words before |
//! | `reflexive_sent_comp` | the bankers said the author hurt HIMSELF | two words before |
//! | `reflexives_across` | the author that the guards like hurt HIMSELF | word 1 |
//!
//! Words are counted from 0 and cut at white space ("taxi driver", which occurs as an embedded
//! subject only, is two). The distance is the verb's place less the subject's: 1 where they touch.

/// What a test asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Template {
    /// Where the subject stands.
    pub subject: Subject,
    /// What must agree with it.
    pub asked: Asked,
}

/// Where the subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// At this word of the sentence, from 0.
    Word(usize),
    /// This many words before the word that must agree.
    Before(usize),
}

/// What must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A verb, and nothing else in the sentence says its subject's number.
    Verb,
    /// A second verb: the first one says the number too.
    SecondVerb,
    /// A reflexive.
    Reflexive,
}

impl Template {
    /// The template of a test; `None` where it is not known.
    pub(super) fn of(test: &str) -> Option<Self> {
        let test = test.strip_suffix("_inanim").or(test.strip_suffix("_anim")).unwrap_or(test);
        let (subject, asked) = match test {
            "simple_agrmt" | "sent_comp" | "obj_rel_within" | "obj_rel_no_comp_within" => {
                (Subject::Before(1), Asked::Verb)
            }
            "prep" | "subj_rel" | "obj_rel_across" | "obj_rel_no_comp_across" => {
                (Subject::Word(1), Asked::Verb)
            }
            "vp_coord" | "long_vp_coord" => (Subject::Word(1), Asked::SecondVerb),
            "simple_reflexives" | "reflexive_sent_comp" => (Subject::Before(2), Asked::Reflexive),
            "reflexives_across" => (Subject::Word(1), Asked::Reflexive),
            _ => return None,
        };
        Some(Self { subject, asked })
    }

    /// The subject's place, where the word that must agree stands at `verb`; `None` where the
    /// sentence is too short for the template.
    pub(super) fn subject_at(self, verb: usize) -> Option<usize> {
        match self.subject {
            Subject::Word(at) => (at < verb).then_some(at),
            Subject::Before(words) => verb.checked_sub(words),
        }
    }
}
