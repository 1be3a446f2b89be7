use crate::support::{Door, PASSWORD};

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_words() {
    let door = Door::open();
    door.signed_up("ada");
    let wrong = door.browser().sign_in("ada", "canary-wrong");
    let unknown = door.browser().sign_in("bob", PASSWORD);
    for reply in [&wrong, &unknown] {
        assert_eq!(reply.status, 422);
        assert!(reply.title().starts_with("Error: "), "{}", reply.title());
        assert_eq!(
            reply.errors(),
            [(
                "username".into(),
                "That name and password do not match. Check both, or set a new password.".into()
            )]
        );
        assert!(
            reply
                .cookies()
                .iter()
                .all(|cookie| !cookie.contains("access"))
        );
    }
    assert_eq!(wrong.value("Username or email address"), "ada");
    assert_eq!(wrong.value("Password"), "");
}
