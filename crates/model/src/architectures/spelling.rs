//! How activations and reaches are written in settings. The kernels know nothing of files.

/// `"gelu"`, `"relu"` and the like.
pub(crate) mod activation {
    use contexture_kernels::Activation;
    use serde::{Deserialize, Deserializer, Serializer};

    const NAMES: [(&str, Activation); 7] = [
        ("identity", Activation::Identity),
        ("relu", Activation::Relu),
        ("gelu", Activation::Gelu),
        ("gelu_tanh", Activation::GeluTanh),
        ("silu", Activation::Silu),
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
    ];

    pub(crate) fn serialize<S: Serializer>(value: &Activation, s: S) -> Result<S::Ok, S::Error> {
        match NAMES.iter().find(|(_, known)| known == value) {
            Some((name, _)) => s.serialize_str(name),
            None => Err(serde::ser::Error::custom(format!("{value:?} has no name"))),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Activation, D::Error> {
        let name = String::deserialize(d)?;
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(*value),
            None => {
                let known = NAMES.map(|(name, _)| name).join(", ");
                let message = format!("unknown activation `{name}`, expected one of {known}");
                Err(serde::de::Error::custom(message))
            }
        }
    }
}

/// `"all"`, `"causal"`, or `{"back": 64, "ahead": 64}` with an absent side for no limit.
pub(crate) mod reach {
    use contexture_kernels::Reach;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Spelled {
        Named(Named),
        Window(Window),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Named {
        All,
        Causal,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Window {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<usize>,
    }

    pub(crate) fn serialize<S: Serializer>(value: &Reach, s: S) -> Result<S::Ok, S::Error> {
        let side = |keys: usize| (keys != usize::MAX).then_some(keys);
        let spelled = match *value {
            Reach::ALL => Spelled::Named(Named::All),
            Reach::CAUSAL => Spelled::Named(Named::Causal),
            Reach { back, ahead } => {
                Spelled::Window(Window { back: side(back), ahead: side(ahead) })
            }
        };
        spelled.serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Reach, D::Error> {
        let message = "a reach is \"all\", \"causal\" or {\"back\": N, \"ahead\": N}";
        match Spelled::deserialize(d).map_err(|_| serde::de::Error::custom(message))? {
            Spelled::Named(Named::All) => Ok(Reach::ALL),
            Spelled::Named(Named::Causal) => Ok(Reach::CAUSAL),
            Spelled::Window(Window { back, ahead }) => {
                Ok(Reach { back: back.unwrap_or(usize::MAX), ahead: ahead.unwrap_or(usize::MAX) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::{Activation, Reach};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super::activation")]
        activation: Activation,
        #[serde(with = "super::reach")]
        reach: Reach,
    }

    #[test]
    fn spellings_are_read_as_they_are_written() {
        let reaches =
            [Reach::ALL, Reach::CAUSAL, Reach::window(64), Reach { back: 3, ahead: usize::MAX }];
        for reach in reaches {
            let both = Both { activation: Activation::GeluTanh, reach };
            let text = serde_json::to_string(&both).unwrap();
            assert_eq!(serde_json::from_str::<Both>(&text).unwrap(), both, "{text}");
        }
        let text = r#"{"activation":"gelu","reach":"causal"}"#;
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<Both>(text).unwrap()).unwrap(),
            text
        );
        for wrong in [
            r#"{"activation":"geluu","reach":"all"}"#,
            r#"{"activation":"gelu","reach":"some"}"#,
            r#"{"activation":"gelu","reach":{"before":3}}"#,
        ] {
            assert!(serde_json::from_str::<Both>(wrong).is_err(), "{wrong}");
        }
    }
}
