//! A `reqwest::Client` as the fetcher (feature `reqwest`).

use http::{Request, Response};

use super::{BoxError, Fetch, FetchBody};

/// The client should be built with `redirect(Policy::none())` and without a cookie store: a redirect it followed by
/// itself is noticed by the changed URL and refused, but only after the other server was asked.
impl Fetch for reqwest::Client {
    async fn fetch(&self, request: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        let url = reqwest::Url::parse(&request.uri().to_string())?;
        let response = self
            .get(url.clone())
            .headers(request.headers().clone())
            .send()
            .await?;
        if *response.url() != url {
            return Err(
                "the reqwest client followed a redirect; build it with Policy::none()".into(),
            );
        }
        Ok(Response::<reqwest::Body>::from(response).map(FetchBody::new))
    }
}
