select :timezone
