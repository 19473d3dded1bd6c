//! The tables, as the migrations make them in both databases.

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        password_hash -> Text,
        disabled -> Bool,
        created_at -> Timestamp,
        password_changed_at -> Timestamp,
        last_login_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    roles (name) {
        name -> Text,
        description -> Text,
        built_in -> Bool,
        created_at -> Timestamp,
        permissions -> Text,
        deny -> Text,
    }
}

diesel::table! {
    user_roles (user_id, role) {
        user_id -> Text,
        role -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        user_agent -> Text,
        source_ip -> Text,
        created_at -> Timestamp,
        refreshed_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Text,
        session_id -> Text,
        created_at -> Timestamp,
        rotated_at -> Nullable<Timestamp>,
        salt -> Nullable<Text>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        hash -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        last_used_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    api_token_roles (token_id, role) {
        token_id -> Text,
        role -> Text,
    }
}

diesel::table! {
    clusters (id) {
        id -> Text,
        name -> Text,
        bootstrap -> Bool,
        created_at -> Timestamp,
        labels -> Text,
    }
}

diesel::table! {
    agent_tokens (id) {
        id -> Text,
        cluster_id -> Text,
        hash -> Text,
        bootstrap -> Bool,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    login_attempts (key) {
        key -> Text,
        attempts -> Integer,
        last_at -> Timestamp,
        blocked_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    settings (key) {
        key -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    audit_logs (id, phase) {
        id -> Text,
        phase -> Text,
        writer -> Text,
        seq -> BigInt,
        hash -> Text,
        at -> Timestamp,
        parent -> Nullable<Text>,
        kind -> Nullable<Text>,
        user_email -> Nullable<Text>,
        user_id -> Nullable<Text>,
        credential -> Nullable<Text>,
        source_ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        cluster -> Nullable<Text>,
        command -> Nullable<Text>,
        verb -> Nullable<Text>,
        api_group -> Nullable<Text>,
        resource -> Nullable<Text>,
        subresource -> Nullable<Text>,
        namespace -> Nullable<Text>,
        name -> Nullable<Text>,
        target -> Nullable<Text>,
        decision -> Nullable<Text>,
        rule -> Nullable<Text>,
        status -> Nullable<Integer>,
        exit_code -> Nullable<Integer>,
        duration_micros -> Nullable<BigInt>,
        bytes_in -> Nullable<BigInt>,
        bytes_out -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    audit_writers (id) {
        id -> Text,
        started_at -> Timestamp,
        alive_at -> Timestamp,
        seq -> BigInt,
        hash -> Text,
        pruned_seq -> BigInt,
        pruned_hash -> Text,
        settled -> Bool,
    }
}

diesel::joinable!(user_roles -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(api_token_roles -> api_tokens (token_id));
diesel::joinable!(agent_tokens -> clusters (cluster_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    user_roles,
    sessions,
    refresh_tokens,
    api_tokens,
    api_token_roles,
    clusters,
    agent_tokens,
);
