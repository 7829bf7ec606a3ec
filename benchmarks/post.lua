wrk.method = "POST"
wrk.body = os.getenv("WRK_BODY")
