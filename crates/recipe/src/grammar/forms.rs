//! Forms of English verbs, and the article before a word.

/// Base, past and participle of verbs that do not follow the rule.
#[rustfmt::skip]
const IRREGULAR: &[(&str, &str, &str)] = &[
    ("arise", "arose", "arisen"),
    ("awake", "awoke", "awoken"),
    ("be", "was", "been"),
    ("bear", "bore", "borne"),
    ("beat", "beat", "beaten"),
    ("become", "became", "become"),
    ("begin", "began", "begun"),
    ("bend", "bent", "bent"),
    ("bet", "bet", "bet"),
    ("bind", "bound", "bound"),
    ("bite", "bit", "bitten"),
    ("bleed", "bled", "bled"),
    ("blow", "blew", "blown"),
    ("break", "broke", "broken"),
    ("breed", "bred", "bred"),
    ("bring", "brought", "brought"),
    ("build", "built", "built"),
    ("burst", "burst", "burst"),
    ("buy", "bought", "bought"),
    ("catch", "caught", "caught"),
    ("choose", "chose", "chosen"),
    ("cling", "clung", "clung"),
    ("come", "came", "come"),
    ("cost", "cost", "cost"),
    ("creep", "crept", "crept"),
    ("cut", "cut", "cut"),
    ("deal", "dealt", "dealt"),
    ("dig", "dug", "dug"),
    ("do", "did", "done"),
    ("draw", "drew", "drawn"),
    ("drink", "drank", "drunk"),
    ("drive", "drove", "driven"),
    ("eat", "ate", "eaten"),
    ("fall", "fell", "fallen"),
    ("feed", "fed", "fed"),
    ("feel", "felt", "felt"),
    ("fight", "fought", "fought"),
    ("find", "found", "found"),
    ("flee", "fled", "fled"),
    ("fling", "flung", "flung"),
    ("fly", "flew", "flown"),
    ("forbid", "forbade", "forbidden"),
    ("forget", "forgot", "forgotten"),
    ("forgive", "forgave", "forgiven"),
    ("freeze", "froze", "frozen"),
    ("get", "got", "gotten"),
    ("give", "gave", "given"),
    ("go", "went", "gone"),
    ("grind", "ground", "ground"),
    ("grow", "grew", "grown"),
    ("hang", "hung", "hung"),
    ("have", "had", "had"),
    ("hear", "heard", "heard"),
    ("hide", "hid", "hidden"),
    ("hit", "hit", "hit"),
    ("hold", "held", "held"),
    ("hurt", "hurt", "hurt"),
    ("keep", "kept", "kept"),
    ("know", "knew", "known"),
    ("lay", "laid", "laid"),
    ("lead", "led", "led"),
    ("leave", "left", "left"),
    ("lend", "lent", "lent"),
    ("let", "let", "let"),
    ("lie", "lay", "lain"),
    ("light", "lit", "lit"),
    ("lose", "lost", "lost"),
    ("make", "made", "made"),
    ("mean", "meant", "meant"),
    ("meet", "met", "met"),
    ("mistake", "mistook", "mistaken"),
    ("overcome", "overcame", "overcome"),
    ("overtake", "overtook", "overtaken"),
    ("overthrow", "overthrew", "overthrown"),
    ("pay", "paid", "paid"),
    ("put", "put", "put"),
    ("quit", "quit", "quit"),
    ("read", "read", "read"),
    ("rebuild", "rebuilt", "rebuilt"),
    ("ride", "rode", "ridden"),
    ("ring", "rang", "rung"),
    ("rise", "rose", "risen"),
    ("run", "ran", "run"),
    ("say", "said", "said"),
    ("see", "saw", "seen"),
    ("seek", "sought", "sought"),
    ("sell", "sold", "sold"),
    ("send", "sent", "sent"),
    ("set", "set", "set"),
    ("shake", "shook", "shaken"),
    ("shed", "shed", "shed"),
    ("shine", "shone", "shone"),
    ("shoot", "shot", "shot"),
    ("show", "showed", "shown"),
    ("shrink", "shrank", "shrunk"),
    ("shut", "shut", "shut"),
    ("sing", "sang", "sung"),
    ("sink", "sank", "sunk"),
    ("sit", "sat", "sat"),
    ("sleep", "slept", "slept"),
    ("slide", "slid", "slid"),
    ("speak", "spoke", "spoken"),
    ("spend", "spent", "spent"),
    ("spin", "spun", "spun"),
    ("split", "split", "split"),
    ("spread", "spread", "spread"),
    ("spring", "sprang", "sprung"),
    ("stand", "stood", "stood"),
    ("steal", "stole", "stolen"),
    ("stick", "stuck", "stuck"),
    ("sting", "stung", "stung"),
    ("strike", "struck", "struck"),
    ("swear", "swore", "sworn"),
    ("sweep", "swept", "swept"),
    ("swim", "swam", "swum"),
    ("swing", "swung", "swung"),
    ("take", "took", "taken"),
    ("teach", "taught", "taught"),
    ("tear", "tore", "torn"),
    ("tell", "told", "told"),
    ("think", "thought", "thought"),
    ("throw", "threw", "thrown"),
    ("undergo", "underwent", "undergone"),
    ("understand", "understood", "understood"),
    ("undertake", "undertook", "undertaken"),
    ("upset", "upset", "upset"),
    ("wake", "woke", "woken"),
    ("wear", "wore", "worn"),
    ("weave", "wove", "woven"),
    ("weep", "wept", "wept"),
    ("win", "won", "won"),
    ("wind", "wound", "wound"),
    ("withdraw", "withdrew", "withdrawn"),
    ("write", "wrote", "written"),
    ("rewrite", "rewrote", "rewritten"),
];

/// Verbs of more than one syllable that double their last letter, and those of one that do.
const DOUBLED: &[&str] = &[
    "admit", "ban", "beg", "chat", "chop", "clap", "commit", "control", "defer", "drag", "drop",
    "equip", "fit", "grab", "hug", "jog", "kid", "knit", "nod", "occur", "omit", "pat", "permit",
    "pin", "plan", "plot", "pop", "prefer", "refer", "regret", "rob", "rub", "scan", "ship",
    "shop", "skip", "slam", "slap", "slip", "snap", "step", "stir", "stop", "strip", "submit",
    "tap", "tip", "transfer", "transmit", "trap", "trim", "trip", "wrap", "run", "sit", "get",
    "put", "cut", "hit", "win", "swim", "begin", "forget", "let", "set", "shut", "dig", "spin",
    "bet", "quit", "split", "upset",
];

/// The past form of a base.
pub(crate) fn past(base: &str) -> String {
    match IRREGULAR.iter().find(|verb| verb.0 == base) {
        Some(verb) => verb.1.to_owned(),
        None => regular(base, "ed"),
    }
}

/// The past participle of a base.
pub(crate) fn participle(base: &str) -> String {
    match IRREGULAR.iter().find(|verb| verb.0 == base) {
        Some(verb) => verb.2.to_owned(),
        None => regular(base, "ed"),
    }
}

/// The form in -ing.
pub(crate) fn ing(base: &str) -> String {
    match base.strip_suffix("ie") {
        Some(stem) => format!("{stem}ying"),
        None => regular(base, "ing"),
    }
}

/// The form of the third person.
pub(crate) fn third(base: &str) -> String {
    match base {
        "be" => return "is".to_owned(),
        "have" => return "has".to_owned(),
        _ => {}
    }
    let hisses = ["s", "x", "z", "ch", "sh", "o"].iter().any(|end| base.ends_with(end));
    match base.strip_suffix('y') {
        Some(stem) if !vowel_last(stem) => format!("{stem}ies"),
        _ if hisses => format!("{base}es"),
        _ => format!("{base}s"),
    }
}

fn regular(base: &str, end: &str) -> String {
    let silent = base.ends_with('e')
        && !(end == "ing" && ["ee", "oe", "ye"].iter().any(|e| base.ends_with(e)));
    if silent {
        return format!("{}{end}", &base[..base.len() - 1]);
    }
    if DOUBLED.contains(&base) {
        let last = base.chars().next_back().unwrap_or_default();
        return format!("{base}{last}{end}");
    }
    match base.strip_suffix('y') {
        Some(stem) if end == "ed" && !vowel_last(stem) => format!("{stem}ied"),
        _ => format!("{base}{end}"),
    }
}

fn vowel_last(stem: &str) -> bool {
    stem.ends_with(['a', 'e', 'i', 'o', 'u'])
}

/// Whether a form is a past or a participle, by its ending or by the table.
pub(crate) fn is_past(form: &str) -> bool {
    form.ends_with("ed") || IRREGULAR.iter().any(|verb| verb.1 == form && verb.0 != form)
}

/// The base of a form, if one of its candidates is `known`; "dying" and its like have none.
pub(crate) fn base(form: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    if ["has", "having"].contains(&form) {
        return Some("have".to_owned());
    }
    if let Some(verb) = IRREGULAR.iter().find(|verb| verb.1 == form || verb.2 == form) {
        return Some(verb.0.to_owned());
    }
    if known(form) {
        return Some(form.to_owned());
    }
    let mut candidates = Vec::new();
    for (end, others) in [
        ("ies", &["y"][..]),
        ("es", &[""]),
        ("s", &[""]),
        ("ied", &["y"]),
        ("ed", &["e", ""]),
        ("ing", &["e", ""]),
    ] {
        let Some(stem) = form.strip_suffix(end) else { continue };
        candidates.extend(others.iter().map(|other| format!("{stem}{other}")));
        let mut last = stem.chars().rev();
        if let (Some(a), Some(b)) = (last.next(), last.next())
            && a == b
        {
            candidates.push(stem[..stem.len() - a.len_utf8()].to_owned());
        }
    }
    // The candidate must give the form back: "rated" is of "rate", not of "rat".
    candidates.into_iter().find(|base| {
        known(base)
            && [past(base), participle(base), third(base), ing(base)].iter().any(|f| f == form)
    })
}

/// `a` or `an`, by the sound that a word's letters suggest.
pub(crate) fn article(next: &str) -> &'static str {
    let lower = next.to_lowercase();
    let consonant = ["uni", "use", "usu", "uti", "eu", "one", "once", "ura", "ubi", "u-", "u."];
    let silent = ["hour", "hono", "heir", "honest"];
    let number = lower.starts_with('8') || ["11", "18"].contains(&lower.as_str());
    let uninteresting = ["unin", "unim", "unid"].iter().any(|start| lower.starts_with(start));
    // Letters that are read by their names.
    let letters = next.chars().count() > 1 && next.chars().all(char::is_uppercase);
    let vowel = match letters {
        true => next.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']),
        false => lower.starts_with(['a', 'e', 'i', 'o', 'u']),
    };
    let sounds =
        vowel && (uninteresting || !consonant.iter().any(|start| lower.starts_with(start)));
    match number || sounds || silent.iter().any(|start| lower.starts_with(start)) {
        true => "an",
        false => "a",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_verb_lead_back_to_it() {
        let known = |word: &str| {
            ["stop", "carry", "hit", "write", "watch", "rate", "rat", "die"].contains(&word)
        };
        for verb in ["stop", "carry", "write", "watch", "rate", "hit"] {
            for form in [past(verb), participle(verb), third(verb), ing(verb)] {
                assert_eq!(base(&form, known).as_deref(), Some(verb), "{form}");
            }
        }
        assert_eq!(
            (past("stop"), third("carry"), ing("die")),
            ("stopped".into(), "carries".into(), "dying".into())
        );
        // Unknown verbs, and "-ying" of verbs in "-ie", which is left alone.
        assert_eq!([base("walked", known), base("dying", known)], [None, None]);
    }

    #[test]
    fn the_article_follows_the_sound() {
        for (word, found) in [
            ("apple", "an"),
            ("unit", "a"),
            ("hour", "an"),
            ("18", "an"),
            ("European", "a"),
            ("FBI", "an"),
            ("unimportant", "an"),
        ] {
            assert_eq!(article(word), found, "{word}");
        }
    }
}
