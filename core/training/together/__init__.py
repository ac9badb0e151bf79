"""What several processes that train one network agree on."""
