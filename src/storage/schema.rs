//! The tables, in the types that every database has. Times are unix seconds.

diesel::table! {
    accounts (id) {
        id -> Text,
        username -> Nullable<Text>,
        username_key -> Nullable<Text>,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        name -> Nullable<Text>,
        password_hash -> Text,
        role -> Text,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        groups -> Text,
        version -> BigInt,
        password_kind -> Nullable<Text>,
        old_keys -> Nullable<BigInt>,
        email_verified_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        account_id -> Text,
        created_at -> BigInt,
        idle_ends_at -> BigInt,
        ends_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        stay_signed_in -> Bool,
        address -> Text,
        user_agent -> Text,
        refresh_seed -> Binary,
        generation -> BigInt,
        rotated_at -> BigInt,
        verified_at -> BigInt,
        last_seen_at -> BigInt,
        end_reason -> Nullable<Text>,
        program -> Bool,
        amr -> Text,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Text,
        algorithm -> Text,
        public_key -> Binary,
        sealed_private_key -> Binary,
        created_at -> BigInt,
        active_at -> BigInt,
    }
}

diesel::table! {
    limits (key) {
        key -> Binary,
        budget -> Text,
        full_at -> BigInt,
    }
}

diesel::table! {
    one_time_tokens (hash) {
        hash -> Binary,
        purpose -> Text,
        ends_at -> BigInt,
        account_id -> Nullable<Text>,
        email -> Nullable<Text>,
        bound_to -> Nullable<Binary>,
        sealed -> Nullable<Binary>,
        browser -> Nullable<Binary>,
        wrong_codes -> BigInt,
    }
}

diesel::table! {
    mail_requests (id) {
        id -> Text,
        sealed -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    mail_messages (id) {
        id -> Text,
        kind -> Text,
        account_id -> Nullable<Text>,
        recipient -> Text,
        sealed -> Binary,
        created_at -> BigInt,
        due_at -> Nullable<BigInt>,
        attempts -> BigInt,
        sending_at -> Nullable<BigInt>,
        problem -> Nullable<Text>,
    }
}

diesel::table! {
    leases (name) {
        name -> Text,
        holder -> Text,
        ends_at -> BigInt,
    }
}

diesel::table! {
    links (id) {
        id -> Text,
        account_id -> Text,
        session_id -> Nullable<Text>,
        ends_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    work_items (id) {
        id -> Text,
        account_id -> Text,
        title -> Text,
        done_at -> Nullable<BigInt>,
        position -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (account_id, key) {
        account_id -> Text,
        key -> Text,
        fingerprint -> Binary,
        resource_id -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    files (id) {
        id -> Text,
        account_id -> Text,
        name -> Text,
        name_key -> Text,
        description -> Nullable<Text>,
        search_key -> Text,
        media_type -> Text,
        bytes -> BigInt,
        sha256 -> Binary,
        thumbnail -> Nullable<Binary>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    shelves (account_id) {
        account_id -> Text,
        files -> BigInt,
        bytes -> BigInt,
        files_max -> Nullable<BigInt>,
        bytes_max -> Nullable<BigInt>,
    }
}

diesel::table! {
    thumbnails_due (file_id) {
        file_id -> Text,
        account_id -> Text,
        bytes -> BigInt,
        attempts -> BigInt,
        due_at -> BigInt,
    }
}

diesel::table! {
    shelf_totals (part) {
        part -> Text,
        files -> BigInt,
        bytes -> BigInt,
    }
}

diesel::table! {
    stray_blobs (id) {
        id -> Text,
        account_id -> Nullable<Text>,
        bytes -> BigInt,
        ends_at -> BigInt,
    }
}

diesel::table! {
    audit_events (seq) {
        seq -> BigInt,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        result -> Text,
        account_id -> Nullable<Text>,
        target -> Nullable<Text>,
        session_id -> Nullable<Text>,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        details -> Text,
        mac -> Binary,
    }
}

diesel::table! {
    audit_head (id) {
        id -> BigInt,
        seq -> BigInt,
        mac -> Binary,
        pruned_seq -> BigInt,
        pruned_mac -> Binary,
        seal -> Binary,
    }
}

diesel::table! {
    shares (id) {
        id -> Text,
        file_id -> Text,
        account_id -> Text,
        password_hash -> Nullable<Text>,
        downloads -> BigInt,
        downloads_max -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        created_at -> BigInt,
        ends_at -> BigInt,
        token_hash -> Nullable<Binary>,
        begins -> Nullable<Text>,
    }
}

diesel::table! {
    invitations (id) {
        id -> Text,
        hash -> Binary,
        email -> Nullable<Text>,
        role -> Text,
        groups -> Text,
        uses -> BigInt,
        uses_max -> BigInt,
        created_at -> BigInt,
        ends_at -> BigInt,
        maker_id -> Nullable<Text>,
    }
}
